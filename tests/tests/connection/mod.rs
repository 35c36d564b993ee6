//! The client certificate of the proxy's own connection: what the filter asks the proxy for, and what
//! it makes of a proxy that does not tell.

use std::collections::BTreeMap;

use peergate_conformance::wasm_host::{Exchange, Fault, LogLine};
use peergate_core::{Header, Peer, PeerCertificate, Request};
use serde_json::{Value, json};

use crate::support::{Setup, record};

const MTLS: &[u8] = b"connection\0mtls";
const DIGEST: &[u8] = b"connection\0sha256_peer_certificate_digest";
const CERTIFICATE: &[u8] = b"connection\0peer_certificate";

const CALLER: &str = "spiffe://lab.test/ns/prod/sa/payments";
/// Of `client-a`.
const SHA256: &str = "d345f6ded74ff6c5e48dc7554e4341e5a5983203fa643d2ce6df67d9c14f4dd0";

/// A certificate of the shared captures.
fn certificate(name: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vectors/envoy-captures.json");
    let shared: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    shared["certs"][name].as_str().unwrap().to_owned()
}

fn deployment() -> Value {
    json!({
        "source": {"preset": "connection", "verifiedBy": "listener"},
        "log": "all",
        "policy": {
            "version": 1,
            "name": "connection-tests",
            "deny": [{"name": "revoked", "from": [{"dnsUnder": "example.com"}]}],
            "allow": [
                {"name": "health", "from": "anyone", "paths": ["/healthz"]},
                {"name": "orders", "from": [{"spiffe": CALLER}], "paths": ["/v1/*"]},
                {"name": "who", "from": "authenticated", "paths": ["/who"]}
            ]
        }
    })
}

/// What Envoy says of a connection.
fn properties(all: &[(&[u8], &[u8])]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    all.iter().map(|(path, value)| (path.to_vec(), value.to_vec())).collect()
}

fn get(target: &str) -> Exchange {
    Exchange::new(b"GET", target.as_bytes(), &[])
}

/// Asks as somebody who presented this, in every place; the records must be core's answers.
fn agrees(setup: &mut Setup, pem: Option<&[u8]>) -> Vec<Value> {
    let mut said = vec![(MTLS, if pem.is_some() { &[1_u8][..] } else { &[0] })];
    said.extend(pem.map(|pem| (CERTIFICATE, pem)));
    setup.vm.state_mut().properties = properties(&said);
    let mut records = Vec::new();
    for target in ["/v1/orders", "/healthz", "/who"] {
        setup.vm.state_mut().now_ns += 100_000_000;
        let now = i64::try_from(setup.vm.state().now_ns / 1_000_000_000).unwrap();
        let headers: [Header<'_>; 0] = [];
        let connection = pem.map(|pem| Peer { certificate: PeerCertificate::Pem(pem), verified: true });
        let request = Request {
            method: b"GET",
            target: target.as_bytes(),
            headers: &headers,
            connection,
            now: Some(now),
        };
        let expected: Value = serde_json::from_str(&setup.gate.decide(&request).to_json()).unwrap();
        let observed = setup.vm.request(setup.root, &get(target)).unwrap();
        let record = record(&observed);
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(record.get(key), Some(value), "{target}, {key}: {record}");
        }
        records.push(record);
    }
    records
}

#[test]
fn the_whole_certificate_decides() {
    let mut setup = Setup::with(&deployment());
    let records = agrees(&mut setup, Some(certificate("client-a").as_bytes()));
    assert_eq!(records[0]["rule"], "orders", "{}", records[0]);
    assert_eq!(records[0]["identity"], CALLER);
    assert_eq!(records[0]["sha256"], SHA256);
    let records = agrees(&mut setup, Some(certificate("dns-several").as_bytes()));
    assert_eq!(records[1]["reason"], "denied_by_rule", "{}", records[1]);
    let records = agrees(&mut setup, Some(certificate("uri-several").as_bytes()));
    assert_eq!(records[1]["reason"], "ambiguous_identity", "{}", records[1]);
    let records = agrees(&mut setup, None);
    assert_eq!(records[0]["reason"], "no_certificate");
    assert_eq!(records[1]["rule"], "health");
}

#[test]
fn every_certificate_of_the_captures_gets_core_s_answer() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vectors/envoy-captures.json");
    let shared: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut setup = Setup::with(&deployment());
    for pem in shared["certs"].as_object().unwrap().values() {
        agrees(&mut setup, Some(pem.as_str().unwrap().as_bytes()));
    }
}

#[test]
fn a_damaged_certificate_gets_core_s_answer() {
    let whole = certificate("client-a").into_bytes();
    let mut setup = Setup::with(&deployment());
    for at in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 0x02;
        agrees(&mut setup, Some(&changed));
        agrees(&mut setup, Some(&whole[..at]));
    }
    let two = [whole.as_slice(), &whole].concat();
    for broken in [&two[..], b"\xff\0", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"] {
        for record in agrees(&mut setup, Some(broken)) {
            assert_eq!(record["detail"], "bad_certificate", "{record}");
        }
    }
}

/// An Envoy before 1.38 has no property for the certificate, and other proxies may have none at all.
/// To them a caller with a certificate must not look like one without.
#[test]
fn a_certificate_that_the_proxy_withholds_is_not_anonymous() {
    let digest = SHA256.as_bytes();
    let old: &[&[(&[u8], &[u8])]] = &[
        &[(MTLS, &[1]), (DIGEST, digest)],
        &[(MTLS, &[1])],
        &[(MTLS, &[0]), (DIGEST, digest)],
        &[(MTLS, &[])],
        &[(MTLS, &[0, 0])],
        &[(DIGEST, digest)],
        &[],
        &[(MTLS, &[1]), (CERTIFICATE, b"")],
    ];
    for said in old {
        let mut setup = Setup::with(&deployment());
        setup.vm.state_mut().properties = properties(said);
        let mut lines: Vec<LogLine> = Vec::new();
        for target in ["/healthz", "/v1/orders", "/who"] {
            let observed = setup.vm.request(setup.root, &get(target)).unwrap();
            let reply = observed.answered().unwrap().expect("refused");
            assert_eq!(
                (reply.status, reply.details.as_slice()),
                (403, &b"peergate_denied{malformed_header}"[..])
            );
            lines.extend(observed.logs);
        }
        let (said_why, records): (Vec<_>, Vec<_>) =
            lines.iter().partition(|line| line.text().contains("connection.peer_certificate"));
        assert_eq!(records.len(), 3);
        assert!(records.iter().all(|line| line.text().contains("\"bad_certificate\"")), "{records:?}");
        // An empty certificate is one that the proxy hands over, odd as it is.
        let empty = said.iter().any(|(path, _)| *path == CERTIFICATE);
        assert_eq!(said_why.len(), usize::from(!empty), "once for a configuration: {lines:?}");
        assert!(said_why.iter().all(|line| line.level == 3));
    }
}

#[test]
fn only_the_digest_is_asked_for_where_a_header_names_the_caller() {
    let mut with = deployment();
    with["source"] = json!({"preset": "envoy", "bindConnection": true});
    with["log"] = json!("none");
    let mut setup = Setup::with(&with);
    // No certificate could be read from this; nobody asks for one.
    setup.vm.state_mut().properties =
        properties(&[(MTLS, &[1]), (CERTIFICATE, b"broken"), (DIGEST, SHA256.as_bytes())]);
    let header = format!("Hash={SHA256};Subject=\"\";URI={CALLER}").into_bytes();
    let request = |header: Vec<u8>| {
        Exchange::new(b"GET", b"/v1/orders", &[(b"x-forwarded-client-cert".to_vec(), header)])
    };
    // Loading a configuration asks for the plugin's name.
    setup.vm.state_mut().calls.clear();
    assert_eq!(setup.status(&request(header.clone())), None);
    let calls = &mut setup.vm.state_mut().calls;
    assert_eq!(calls.get("proxy_get_property"), Some(&1));
    let other = String::from_utf8(header).unwrap().replace("d345", "d346");
    assert_eq!(setup.status(&request(other.into_bytes())), Some(403));
}

#[test]
fn a_property_that_fails_refuses() {
    for status in [2, 3, 10, 4_000_000_000] {
        let mut setup = Setup::with(&deployment());
        setup.vm.state_mut().properties = properties(&[(MTLS, &[0])]);
        assert_eq!(setup.status(&get("/healthz")), None);
        setup.vm.state_mut().faults.insert("proxy_get_property", Fault::Once(status));
        assert_eq!(setup.status(&get("/healthz")), Some(503), "status {status}");
        assert_eq!(setup.status(&get("/healthz")), None);
    }
}

#[test]
fn the_proxy_is_asked_no_more_than_is_needed() {
    let mut with = deployment();
    with["log"] = json!("none");
    let pem = certificate("client-a");
    let caller = properties(&[(MTLS, &[1]), (CERTIFICATE, pem.as_bytes())]);
    let nobody = properties(&[(MTLS, &[0])]);
    for (said, target, properties_read) in [(caller, "/v1/orders", 1), (nobody, "/healthz", 3)] {
        let mut setup = Setup::with(&with);
        setup.vm.state_mut().properties = said;
        setup.vm.request(setup.root, &get(target)).unwrap();
        setup.vm.state_mut().calls.clear();
        assert_eq!(setup.status(&get(target)), None);
        let calls: Vec<_> = setup.vm.state().calls.iter().map(|(call, count)| (*call, *count)).collect();
        assert_eq!(
            calls,
            [
                ("proxy_get_current_time_nanoseconds", 1),
                ("proxy_get_header_map_pairs", 1),
                ("proxy_get_property", properties_read),
                ("proxy_increment_metric", 1),
            ]
        );
    }
}

#[test]
fn a_window_is_held_against_the_proxy_s_clock() {
    let mut setup = Setup::with(&deployment());
    setup.vm.state_mut().properties =
        properties(&[(MTLS, &[1]), (CERTIFICATE, certificate("client-a").as_bytes())]);
    // 2025-01-01 to 2036-01-01, and 60 seconds either way.
    let (first, last) = (1_735_689_600_u64, 2_082_758_400_u64);
    for (now, reason) in [
        (first - 61, "not_yet_valid"),
        (first - 60, "allowed"),
        (last + 60, "allowed"),
        (last + 61, "expired"),
    ] {
        setup.vm.state_mut().now_ns = now * 1_000_000_000;
        let observed = setup.vm.request(setup.root, &get("/v1/orders")).unwrap();
        assert_eq!(record(&observed)["reason"], reason, "at {now}");
    }
    setup.vm.state_mut().faults.insert("proxy_get_current_time_nanoseconds", Fault::Always(2));
    let observed = setup.vm.request(setup.root, &get("/v1/orders")).unwrap();
    let record = record(&observed);
    assert_eq!((&record["reason"], &record["detail"]), (&json!("expired"), &json!("no_clock")));
}
