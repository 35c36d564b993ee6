//! An Envoy with mutual TLS, and a client that sends bytes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
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

/// How the listeners differ: name, mode of forwarding, trust in unverified certificates, form of the
/// header, and `bindConnection`.
const LISTENERS: &[(&str, &str, bool, &str, Option<bool>)] = &[
    ("sanitize-set", "SANITIZE_SET", false, "TEXT", None),
    ("sanitize-set-bound", "SANITIZE_SET", false, "TEXT", Some(true)),
    ("sanitize-set-json", "SANITIZE_SET", false, "JSON", None),
    ("append-forward", "APPEND_FORWARD", false, "TEXT", None),
    ("forward-only", "FORWARD_ONLY", false, "TEXT", None),
    ("forward-only-unbound", "FORWARD_ONLY", false, "TEXT", Some(false)),
    ("accept-untrusted", "SANITIZE_SET", true, "TEXT", None),
];

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
        clients: vec![client("api", API), client("web", WEB)],
        days: 2,
        bad: true,
    };
    let written = dev_ca::write(&directory.path().join("certs"), &plan).unwrap();
    let certificates: BTreeMap<_, _> =
        written.into_iter().map(|written| (written.name.clone(), written)).collect();
    let listeners: Vec<Value> = LISTENERS.iter().map(|own| listener(&certificates, *own)).collect();
    let server = Server::start(directory, &json!({ "listeners": listeners })).unwrap();
    Lab { server: Mutex::new(server), certificates }
});

fn listener(
    certificates: &BTreeMap<String, Written>,
    (name, mode, accept_untrusted, format, bind): (&str, &str, bool, &str, Option<bool>),
) -> Value {
    let mut source = json!({ "preset": "envoy", "format": format.to_ascii_lowercase() });
    if let Some(bind) = bind {
        source["bindConnection"] = bind.into();
    }
    let deployment = json!({
        "source": source,
        "log": "all",
        "policy": { "version": 1, "name": name, "allow": [
            { "name": "orders", "from": [{ "spiffe": API }], "paths": [ORDERS] }
        ] }
    });
    let mut validation = json!({ "trusted_ca": { "filename": certificates["root"].cert } });
    if accept_untrusted {
        validation["trust_chain_verification"] = "ACCEPT_UNTRUSTED".into();
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
        "set_current_client_cert_details": { "subject": true, "uri": true, "dns": true, "format": format },
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
        let server: MutexGuard<'_, Server> = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.skip_lines();
        let address = server.listener(listener).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-quiet", "-servername", "localhost", "-connect", &address.to_string()]);
        openssl.arg("-CAfile").arg(&self.certificates["root"].cert);
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
