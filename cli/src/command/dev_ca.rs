//! `peergate dev-ca`: options to a plan.

use std::net::IpAddr;

use peergate_core::spiffe::SpiffeId;

use crate::args::DevCaArgs;
use crate::dev_ca::{Leaf, Plan, San, write};
use crate::output::{Exit, Failure, print_json, say};

pub(super) fn run(args: &DevCaArgs) -> Result<Exit, Failure> {
    let id = |path: &str| format!("spiffe://{}/{path}", args.trust_domain);
    check_spiffe(&id("x")).map_err(|_| {
        Failure::new(format_args!("--trust-domain {}: no SPIFFE trust domain", args.trust_domain))
    })?;
    let mut servers = leaves("--server", &args.server, hosts)?;
    merge(&mut servers, leaves("--server-spiffe", &args.server_spiffe, spiffe)?);
    if servers.is_empty() {
        let names = ["localhost", "127.0.0.1", "::1"].map(host);
        let names = names.into_iter().chain([San::Uri(id("ns/default/sa/server"))]).collect();
        servers.push(Leaf { name: "server".into(), names });
    }
    let mut clients = leaves("--client", &args.client, spiffe)?;
    merge(&mut clients, leaves("--client-dns", &args.client_dns, hosts)?);
    if clients.is_empty() {
        let spiffe = |name: &str| Leaf {
            name: name.into(),
            names: vec![San::Uri(id(&format!("ns/default/sa/{name}")))],
        };
        let partner = Leaf { name: "partner".into(), names: vec![host("api.partner.example")] };
        clients.extend([spiffe("api"), spiffe("web"), partner]);
    }
    let plan =
        Plan { trust_domain: args.trust_domain.clone(), servers, clients, days: args.days, bad: args.bad };
    let written = write(&args.dir, &plan).map_err(Failure::new)?;
    print_json(&written)?;
    say(format_args!(
        "wrote {} certificates to {}; trust {} in tests only",
        written.len(),
        args.dir.display(),
        args.dir.join("root.cert.pem").display()
    ));
    Ok(Exit::Good)
}

type Names = Result<Vec<San>, String>;

/// `NAME=VALUE` options to certificates, those of one name made into one.
fn leaves(option: &str, values: &[String], read: fn(&str) -> Names) -> Result<Vec<Leaf>, Failure> {
    let mut out = Vec::new();
    for text in values {
        let failed = |why: &str| Failure::new(format_args!("{option} {text}: {why}"));
        let (name, value) = text.split_once('=').ok_or_else(|| failed("write NAME=VALUE"))?;
        let names = read(value).map_err(|why| failed(&why))?;
        merge(&mut out, vec![Leaf { name: name.into(), names }]);
    }
    Ok(out)
}

fn merge(into: &mut Vec<Leaf>, from: Vec<Leaf>) {
    for leaf in from {
        match into.iter_mut().find(|other| other.name == leaf.name) {
            Some(other) => other.names.extend(leaf.names),
            None => into.push(leaf),
        }
    }
}

fn spiffe(text: &str) -> Names {
    check_spiffe(text)?;
    Ok(vec![San::Uri(text.into())])
}

fn check_spiffe(text: &str) -> Result<(), String> {
    match SpiffeId::parse(text.as_bytes()) {
        Ok(id) if !id.path().is_empty() => Ok(()),
        Ok(_) => Err("a SPIFFE ID of a caller has a path".into()),
        Err(error) => Err(format!("no SPIFFE ID ({} at byte {})", error.code, error.offset)),
    }
}

fn hosts(text: &str) -> Names {
    let names: Vec<_> = text.split(',').map(host).collect();
    let usable = |b: u8| b.is_ascii_alphanumeric() || b"-._*".contains(&b);
    if names.iter().any(|name| matches!(name, San::Dns(dns) if dns.is_empty() || !dns.bytes().all(usable))) {
        return Err("write DNS names or IP addresses, separated by commas".into());
    }
    Ok(names)
}

fn host(text: &str) -> San {
    text.parse::<IpAddr>().map_or_else(|_| San::Dns(text.into()), San::Ip)
}
