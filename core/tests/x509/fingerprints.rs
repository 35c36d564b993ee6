//! The fingerprint of a certificate in a decision: computed when somebody asks, and the same however that
//! comes about.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use peergate_core::limits::HostLimits;
use peergate_core::x509::Certificate;
use peergate_core::{Decision, Documents, Gate, Peer, PeerCertificate, Request};

use super::made::LEAF;

const BY_NAME: &str = r#"{"spiffe":"spiffe://td.test/a"}"#;
const RFC9440: &str = r#"{"preset":"rfc9440","validity":"ignore"}"#;

fn gate(caller: &str, source: &str) -> Gate {
    let policy = format!(r#"{{"version":1,"allow":[{{"name":"a","from":[{caller}]}}]}}"#);
    let documents = Documents::Parts { policy: policy.as_bytes(), source: Some(source.as_bytes()) };
    Gate::load(documents, HostLimits::NATIVE).unwrap()
}

fn decide(gate: &Gate, ask: impl Fn(&Decision<'_, '_>) -> Option<[u8; 32]>) -> (Option<[u8; 32]>, String) {
    let value = format!(":{}:", STANDARD.encode(&*LEAF));
    let peer = Peer { certificate: PeerCertificate::Der(&LEAF), verified: true };
    let request = Request {
        method: b"GET",
        target: b"/",
        headers: &[(b"client-cert", value.as_bytes())],
        connection: Some(peer),
        now: None,
    };
    let decision = gate.decide(&request);
    assert!(decision.is_allowed());
    assert!(decision.sha256.as_ref().unwrap().der().is_none_or(|der| der == &LEAF[..]));
    (ask(&decision), decision.to_json())
}

fn known(decision: &Decision<'_, '_>) -> Option<[u8; 32]> {
    decision.sha256.as_ref().unwrap().known().copied()
}

#[test]
fn of_a_new_caller_it_is_computed_when_it_is_asked_for() {
    let sha256 = Certificate::from_der(&LEAF).unwrap().sha256;
    for source in [RFC9440, r#"{"preset":"connection","validity":"ignore"}"#] {
        let gate = gate(BY_NAME, source);
        let (first, told) = decide(&gate, known);
        assert_eq!(first, None);
        // For whoever comes again it is there.
        let (again, told_again) = decide(&gate, known);
        assert_eq!(again, Some(sha256));
        assert_eq!(told, told_again);
        let digits: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(told.contains(&format!(r#""sha256":"{digits}""#)), "{told}");
    }
}

#[test]
fn a_policy_that_names_it_has_it_computed() {
    let sha256 = Certificate::from_der(&LEAF).unwrap().sha256;
    let digits: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let (first, _) = decide(&gate(&format!(r#"{{"sha256":"{digits}"}}"#), RFC9440), known);
    assert_eq!(first, Some(sha256));
}

#[test]
fn asking_twice_is_asking_once() {
    let sha256 = Certificate::from_der(&LEAF).unwrap().sha256;
    let (asked, _) = decide(&gate(BY_NAME, RFC9440), |decision| {
        let fingerprint = decision.sha256.as_ref().unwrap();
        assert_eq!((fingerprint.known(), fingerprint.bytes()), (None, &sha256));
        fingerprint.known().copied()
    });
    assert_eq!(asked, Some(sha256));
}
