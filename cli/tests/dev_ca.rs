//! `peergate dev-ca`, its certificates held to what openssl says of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Folder, Run, finish};
use serde_json::{Value, json};

/// Runs openssl, or says loudly that it is not there.
fn openssl(folder: &Folder, arguments: &[&str]) -> Option<Run> {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("NOT TESTED: openssl is not on the PATH, nobody else has read the certificates");
        eprintln!("NOT TESTED: openssl is not on the PATH, nobody else has read the certificates");
        return None;
    }
    let mut command = Command::new("openssl");
    command.args(arguments).current_dir(folder.path());
    Some(finish(command, b""))
}

fn made<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|made| made["name"] == name).unwrap()
}

fn verify(folder: &Folder, name: &str, purpose: &str) -> Option<Run> {
    let cert = format!("ca/{name}.cert.pem");
    let arguments = [
        "verify",
        "-CAfile",
        "ca/root.cert.pem",
        "-untrusted",
        "ca/intermediate.cert.pem",
        "-purpose",
        purpose,
    ];
    openssl(folder, &[&arguments[..], &[cert.as_str()]].concat())
}

#[test]
fn defaults_make_a_chain_that_verifies() {
    let folder = Folder::new();
    let run = folder.run(&["dev-ca", "ca"]).ended(0);
    let list = run.json();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|made| made["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["root", "intermediate", "server", "api", "web", "partner"]);
    assert_eq!(made(&list, "api")["names"], json!(["URI:spiffe://dev.example/ns/default/sa/api"]));
    assert_eq!(made(&list, "api")["kind"], "client");
    assert!(made(&list, "root").get("chain").is_none());

    // What is listed is what is there.
    let mut listed = BTreeSet::new();
    for made in list.as_array().unwrap() {
        listed.extend(["cert", "key", "chain"].iter().filter_map(|part| made[*part].as_str()));
    }
    let there: BTreeSet<_> = fs::read_dir(folder.path().join("ca"))
        .unwrap()
        .map(|entry| format!("ca/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    assert_eq!(listed, there.iter().map(String::as_str).collect());

    for (name, purpose) in
        [("api", "sslclient"), ("web", "sslclient"), ("server", "sslserver"), ("server", "sslclient")]
    {
        let Some(run) = verify(&folder, name, purpose) else { return };
        run.ended(0);
    }
    verify(&folder, "api", "sslserver").unwrap().ended(2);
    for name in ["server", "api"] {
        let digest = openssl(
            &folder,
            &["x509", "-noout", "-fingerprint", "-sha256", "-in", &format!("ca/{name}.cert.pem")],
        );
        let digest = digest.unwrap().ended(0).stdout;
        let digest = digest.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
        assert_eq!(made(&list, name)["sha256"], json!(digest));
    }
    let text = openssl(&folder, &["x509", "-noout", "-ext", "subjectAltName", "-in", "ca/server.cert.pem"]);
    let text = text.unwrap().ended(0).stdout;
    for name in ["DNS:localhost", "IP Address:127.0.0.1", "URI:spiffe://dev.example/ns/default/sa/server"] {
        assert!(text.contains(name), "{name} is not in {text}");
    }
}

#[test]
fn keys_are_of_their_certificates_and_for_the_owner_only() {
    let folder = Folder::new();
    folder.run(&["dev-ca", "ca"]).ended(0);
    for name in ["root", "intermediate", "server", "api"] {
        let key = format!("ca/{name}.key.pem");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join(&key)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{key}: {mode:o}");
        }
        let Some(of_key) = openssl(&folder, &["pkey", "-pubout", "-in", &key]) else { return };
        let cert = format!("ca/{name}.cert.pem");
        let of_cert = openssl(&folder, &["x509", "-noout", "-pubkey", "-in", &cert]).unwrap();
        assert_eq!(of_key.ended(0).stdout, of_cert.ended(0).stdout, "{name}");
    }
}

#[test]
fn named_certificates_stand_in_place_of_the_defaults() {
    let folder = Folder::new();
    let run = folder
        .run(&[
            "dev-ca",
            "ca",
            "--client",
            "pay=spiffe://prod.example/ns/pay/sa/api",
            "--client-dns",
            "pay=pay.prod.example,alt.prod.example",
            "--client-dns",
            "partner=api.partner.example",
            "--server",
            "edge=edge.prod.example,10.0.0.1",
            "--server-spiffe",
            "edge=spiffe://prod.example/ns/edge/sa/proxy",
            "--days",
            "7",
        ])
        .ended(0);
    let list = run.json();
    assert_eq!(list.as_array().unwrap().len(), 5);
    assert_eq!(
        made(&list, "pay")["names"],
        json!(["URI:spiffe://prod.example/ns/pay/sa/api", "DNS:pay.prod.example", "DNS:alt.prod.example"])
    );
    assert_eq!(
        made(&list, "edge")["names"],
        json!(["DNS:edge.prod.example", "IP:10.0.0.1", "URI:spiffe://prod.example/ns/edge/sa/proxy"])
    );
    let Some(run) = openssl(&folder, &["x509", "-noout", "-checkend", "518400", "-in", "ca/pay.cert.pem"])
    else {
        return;
    };
    run.ended(0);
    openssl(&folder, &["x509", "-noout", "-checkend", "691200", "-in", "ca/pay.cert.pem"]).unwrap().ended(1);
}

#[test]
fn bad_certificates_are_bad_in_the_way_they_say() {
    let folder = Folder::new();
    let list = folder.run(&["dev-ca", "ca", "--bad", "--trust-domain", "prod.example"]).ended(0).json();
    let bad: Vec<_> = list.as_array().unwrap().iter().filter(|made| made["kind"] == "bad").collect();
    assert_eq!(bad.len(), 11);
    assert!(bad.iter().all(|made| !made["about"].as_str().unwrap().is_empty()));
    let uri = |name: &str| made(&list, name)["names"][0].as_str().unwrap().to_owned();
    for (name, part) in [
        ("bad-comma", ","),
        ("bad-semicolon", ";"),
        ("bad-borrowed", "/api;DNS="),
        ("bad-subject", "/mallory"),
        ("bad-quote", "\""),
        ("bad-line-feed", "\n"),
    ] {
        assert!(uri(name).starts_with("URI:spiffe://prod.example/") && uri(name).contains(part), "{name}");
        // The authority signed them, and a proxy that verifies chains lets them in.
        let Some(run) = verify(&folder, name, "sslclient") else { return };
        run.ended(0);
    }
    assert_eq!(made(&list, "bad-two-uris")["names"].as_array().unwrap().len(), 2);
    let subject = ["x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in", "ca/bad-subject.cert.pem"];
    let printed = openssl(&folder, &subject).unwrap().ended(0).stdout;
    assert_eq!(
        printed.trim_end(),
        r#"subject=CN=svc-pay\"\;URI=spiffe://td/admin\,CN=admin,OU=a/CN=admin\\,O=Acme\, Inc. Ops\; R\+D,C=SE"#
    );
    for (name, part) in [
        ("bad-expired", "certificate has expired"),
        ("bad-not-yet-valid", "certificate is not yet valid"),
        ("bad-foreign-ca", "unable to get local issuer certificate"),
    ] {
        let run = verify(&folder, name, "sslclient").unwrap().ended(2);
        assert!(run.stderr.contains(part), "{name}: {run:?}");
    }
    let own =
        ["verify", "-CAfile", "ca/bad-foreign-root.cert.pem", "-untrusted", "ca/bad-foreign-ca.chain.pem"];
    openssl(&folder, &[&own[..], &["ca/bad-foreign-ca.cert.pem"]].concat()).unwrap().ended(0);
}

#[test]
fn nothing_is_ever_overwritten() {
    let folder = Folder::new();
    folder.file("ca/web.key.pem", "precious");
    let run = folder.run(&["dev-ca", "ca"]).ended(2);
    assert!(run.stderr.contains("ca/web.key.pem: exists"), "{run:?}");
    assert_eq!(run.stdout, "");
    assert_eq!(fs::read_to_string(folder.path().join("ca/web.key.pem")).unwrap(), "precious");
    assert_eq!(fs::read_dir(folder.path().join("ca")).unwrap().count(), 1, "nothing was written beside it");
}

#[test]
fn what_cannot_be_made_is_said_before_anything_is_written() {
    let folder = Folder::new();
    let wrong: [&[&str]; 9] = [
        &["--client", "pay"],
        &["--client", "pay=spiffe://prod.example"],
        &["--client", "pay=https://prod.example/x"],
        &["--client", "../pay=spiffe://prod.example/x"],
        &["--client", "root=spiffe://prod.example/x"],
        &["--client", "bad-x=spiffe://prod.example/x"],
        &["--client", "edge=spiffe://prod.example/x", "--server", "edge=localhost"],
        &["--client-dns", "pay=a,,b"],
        &["--trust-domain", "Prod.Example"],
    ];
    for arguments in wrong {
        let run = folder.run(&[&["dev-ca", "ca"], arguments].concat()).ended(2);
        assert!(run.stderr.starts_with("peergate: "), "{run:?}");
        assert!(!Path::new(&folder.path().join("ca")).exists(), "{arguments:?}");
    }
}
