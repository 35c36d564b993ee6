//! An Envoy with mutual TLS, and a client that sends bytes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use peergate_cli::dev_ca::{self, Leaf, Plan, San, Written};
use peergate_conformance::envoy::{Server, filter, loopback};
use peergate_conformance::record;
use peergate_conformance::wasm_host::module_path;
use serde_json::{Value, json};

pub(crate) const API: &str = "spiffe://lab.test/ns/default/sa/api";
pub(crate) const WEB: &str = "spiffe://lab.test/ns/default/sa/web";
const ORDERS: &str = "/v1/orders";

/// What a listener demands of a client's certificate.
#[derive(Clone, Copy)]
enum Trust {
    /// That a trusted authority signed it, and that it is valid now.
    Full,
    /// That a trusted authority signed it.
    AnyTime,
    /// Nothing.
    None,
}

/// What the filter of a listener reads.
#[derive(Clone, Copy)]
enum Reads {
    /// The header, in this form, with this `bindConnection`.
    Header(&'static str, Option<bool>),
    /// The header's certificates, in this form.
    Certificates(&'static str),
    /// The connection.
    Connection,
}

/// How the listeners differ: name, mode of forwarding, trust, and what is read.
const LISTENERS: &[(&str, &str, Trust, Reads)] = &[
    ("sanitize-set", "SANITIZE_SET", Trust::Full, Reads::Header("TEXT", None)),
    ("sanitize-set-bound", "SANITIZE_SET", Trust::Full, Reads::Header("TEXT", Some(true))),
    ("sanitize-set-json", "SANITIZE_SET", Trust::Full, Reads::Header("JSON", None)),
    ("append-forward", "APPEND_FORWARD", Trust::Full, Reads::Header("TEXT", None)),
    ("forward-only", "FORWARD_ONLY", Trust::Full, Reads::Header("TEXT", None)),
    ("forward-only-unbound", "FORWARD_ONLY", Trust::Full, Reads::Header("TEXT", Some(false))),
    ("accept-untrusted", "SANITIZE_SET", Trust::None, Reads::Header("TEXT", None)),
    ("certificate", "SANITIZE_SET", Trust::Full, Reads::Certificates("TEXT")),
    ("certificate-json", "SANITIZE_SET", Trust::Full, Reads::Certificates("JSON")),
    ("certificate-any-time", "SANITIZE_SET", Trust::AnyTime, Reads::Certificates("TEXT")),
    ("connection", "FORWARD_ONLY", Trust::Full, Reads::Connection),
    ("connection-any-time", "SANITIZE", Trust::AnyTime, Reads::Connection),
    ("connection-accept-untrusted", "SANITIZE", Trust::None, Reads::Connection),
];

/// Rules about what only a certificate says. A caller is let in by exactly one of them.
fn whole_certificate_rules() -> Value {
    json!([
        { "name": "by-spiffe", "from": [{ "spiffe": API, "issuer": { "cn": "Peergate development intermediate" } }] },
        { "name": "by-dns", "from": [{ "san": "DNS:batch.lab.test", "subject": { "cn": "batch" } }] },
        { "name": "by-ip", "from": [{ "san": "IP:::1" }] },
    ])
}

/// Certificates, and an Envoy with all the listeners.
pub(crate) struct Lab {
    /// Asked by one test at a time, so that a record belongs to the request just sent.
    server: Mutex<Server>,
    certificates: BTreeMap<String, Written>,
}

/// Started by the first test; its Envoy ends with the process.
pub(crate) static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let client = |name: &str, id: &str| Leaf { name: name.into(), names: vec![San::Uri(id.into())] };
    let server = Leaf { name: "server".into(), names: vec![San::Dns("localhost".into())] };
    let plan = Plan {
        trust_domain: "lab.test".into(),
        servers: vec![server],
        clients: vec![
            client("api", API),
            client("web", WEB),
            Leaf { name: "batch".into(), names: vec![San::Dns("batch.lab.test".into())] },
            Leaf { name: "host".into(), names: vec![San::Ip("::1".parse().unwrap())] },
        ],
        days: 2,
        bad: true,
    };
    let written = dev_ca::write(&directory.path().join("certs"), &plan).unwrap();
    let mut certificates: BTreeMap<_, _> =
        written.into_iter().map(|written| (written.name.clone(), written)).collect();
    let authority = authority_with_identity(&directory.path().join("certs"), &certificates["root"]);
    certificates.insert(authority.name.clone(), authority);
    let listeners: Vec<Value> = LISTENERS.iter().map(|own| listener(&certificates, *own)).collect();
    let server = Server::start(directory, &json!({ "listeners": listeners })).unwrap();
    Lab { server: Mutex::new(server), certificates }
});

/// A certificate that may sign others, and that names the one who is let in: made by openssl, since
/// no authority should.
fn authority_with_identity(dir: &Path, root: &Written) -> Written {
    let at = |name: &str| dir.join(name);
    let (cert, key, request, config) =
        (at("authority.pem"), at("authority.key"), at("authority.csr"), at("authority.cnf"));
    let text = format!(
        "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=authority\n[v3]\nbasicConstraints=critical,CA:TRUE\n\
         keyUsage=critical,digitalSignature,keyCertSign\nextendedKeyUsage=clientAuth\nsubjectAltName=URI:{API}\n"
    );
    std::fs::write(&config, text).unwrap();
    let openssl = |arguments: &[&dyn AsRef<OsStr>]| {
        let output = Command::new("openssl").args(arguments).output().expect("openssl is needed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    openssl(&[
        &"req",
        &"-new",
        &"-newkey",
        &"ec",
        &"-pkeyopt",
        &"ec_paramgen_curve:P-256",
        &"-nodes",
        &"-config",
        &config,
        &"-keyout",
        &key,
        &"-out",
        &request,
    ]);
    openssl(&[
        &"x509",
        &"-req",
        &"-in",
        &request,
        &"-CA",
        &root.cert,
        &"-CAkey",
        &root.key,
        &"-set_serial",
        &"7",
        &"-days",
        &"2",
        &"-extfile",
        &config,
        &"-extensions",
        &"v3",
        &"-out",
        &cert,
    ]);
    let printed = openssl(&[&"x509", &"-in", &cert, &"-noout", &"-fingerprint", &"-sha256"]);
    let digits = String::from_utf8(printed).unwrap();
    let sha256 = digits.rsplit('=').next().unwrap().trim().replace(':', "").to_ascii_lowercase();
    let names = vec![format!("URI:{API}")];
    Written {
        name: "authority".into(),
        kind: "bad",
        about: "",
        names,
        sha256,
        chain: Some(cert.clone()),
        cert,
        key,
    }
}

fn listener(
    certificates: &BTreeMap<String, Written>,
    (name, mode, trust, reads): (&str, &str, Trust, Reads),
) -> Value {
    let orders = json!([{ "name": "orders", "from": [{ "spiffe": API }], "paths": [ORDERS] }]);
    let (source, allow, format) = match reads {
        Reads::Header(format, bind) => {
            let mut source = json!({ "preset": "envoy", "format": format.to_ascii_lowercase() });
            if let Some(bind) = bind {
                source["bindConnection"] = bind.into();
            }
            (source, orders, format)
        }
        Reads::Certificates(format) => {
            let form = format.to_ascii_lowercase();
            let source = json!({ "preset": "envoy", "format": form, "read": "certificate" });
            (source, whole_certificate_rules(), format)
        }
        Reads::Connection => {
            let source = json!({ "preset": "connection", "verifiedBy": "listener" });
            (source, whole_certificate_rules(), "TEXT")
        }
    };
    let deployment = json!({
        "source": source,
        "log": "all",
        "policy": { "version": 1, "name": name, "allow": allow }
    });
    let mut validation = json!({ "trusted_ca": { "filename": certificates["root"].cert } });
    match trust {
        Trust::Full => {}
        Trust::AnyTime => validation["allow_expired_certificate"] = true.into(),
        Trust::None => validation["trust_chain_verification"] = "ACCEPT_UNTRUSTED".into(),
    }
    let tls = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_certificates": [{
                "certificate_chain": { "filename": certificates["server"].chain },
                "private_key": { "filename": certificates["server"].key }
            }],
            "validation_context": validation
        }
    });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        // By default Envoy leaves it to the client for a second to close first.
        "delayed_close_timeout": "0s",
        "forward_client_cert_details": mode,
        "set_current_client_cert_details": {
            "subject": true, "uri": true, "dns": true, "cert": matches!(reads, Reads::Certificates(_)), "format": format
        },
        "route_config": { "virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }]
        }] },
        "http_filters": [
            { "name": "peergate", "typed_config": filter(&module_path().unwrap().canonicalize().unwrap(), name, &deployment.to_string()) },
            { "name": "router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
            } }
        ]
    });
    json!({
        "name": name,
        "address": loopback(0),
        "filter_chains": [{
            "transport_socket": { "name": "tls", "typed_config": tls },
            "filters": [{ "name": "http", "typed_config": manager }]
        }]
    })
}

impl Lab {
    pub(crate) fn sha256(&self, caller: &str) -> &str {
        &self.certificates[caller].sha256
    }

    /// How many TLS sessions were taken up again, over all listeners.
    pub(crate) fn resumptions(&self) -> u64 {
        let server: MutexGuard<'_, Server> = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let stats = String::from_utf8(server.admin("/stats?filter=ssl.session_reused").unwrap()).unwrap();
        let counts = stats.lines().filter_map(|line| line.split_once(": "));
        counts.map(|(_, count)| count.parse::<u64>().unwrap()).sum()
    }

    /// The header that Envoy would write for a caller, in the hands of somebody else.
    pub(crate) fn stolen_header(&self, caller: &str, id: &str) -> String {
        format!(
            "x-forwarded-client-cert: Hash={};Subject=\"CN={caller},O=Peergate development\";URI={id}\r\n",
            self.sha256(caller)
        )
    }

    /// Asks for the orders, with a certificate or none; the status, if a handshake came about, and
    /// what the filter recorded.
    pub(crate) fn ask(
        &self,
        listener: &str,
        caller: Option<&str>,
        lines: &str,
    ) -> (Option<u16>, Option<Value>) {
        self.ask_with(listener, caller, lines, &[])
    }

    /// The same with more arguments for `openssl s_client`.
    pub(crate) fn ask_with(
        &self,
        listener: &str,
        caller: Option<&str>,
        lines: &str,
        arguments: &[&OsStr],
    ) -> (Option<u16>, Option<Value>) {
        let server: MutexGuard<'_, Server> = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.skip_lines();
        let address = server.listener(listener).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-quiet", "-servername", "localhost", "-connect", &address.to_string()]);
        openssl.args(arguments).arg("-CAfile").arg(&self.certificates["root"].cert);
        if let Some(caller) = caller {
            let Written { cert, key, chain, .. } = &self.certificates[caller];
            let chain: &PathBuf = chain.as_ref().unwrap();
            openssl.arg("-cert").arg(cert).arg("-key").arg(key).arg("-cert_chain").arg(chain);
        }
        openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut openssl = openssl.spawn().expect("openssl is needed");
        let head = format!("GET {ORDERS} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{lines}\r\n");
        // Where the handshake fails there is nobody to read it.
        drop(openssl.stdin.as_mut().unwrap().write_all(head.as_bytes()));
        let output = openssl.wait_with_output().unwrap();
        let status = String::from_utf8_lossy(&output.stdout)
            .strip_prefix("HTTP/1.1 ")
            .map(|rest| rest.split(' ').next().unwrap_or_default().parse().unwrap());
        let patience = Duration::from_millis(if status.is_some() { 5_000 } else { 100 });
        let mut lines = std::iter::from_fn(|| server.next_line(patience));
        (status, lines.find_map(|line| record::decision(&line)))
    }

    /// Asks and compares the status and the named fields of the record.
    pub(crate) fn expect(
        &self,
        listener: &str,
        caller: Option<&str>,
        lines: &str,
        status: u16,
        expected: &Value,
    ) {
        let (got, record) = self.ask(listener, caller, lines);
        let record = record.unwrap_or_else(|| panic!("{listener}, {caller:?}: no record, status {got:?}"));
        assert_eq!(got, Some(status), "{listener}, {caller:?}: {record}");
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(record.get(key), Some(value), "{listener}, {caller:?}, {key}: {record}");
        }
        assert_eq!(record["policy"], listener, "the record is of another listener");
    }
}
