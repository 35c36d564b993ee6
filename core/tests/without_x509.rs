//! A core that reads no certificates refuses what needs it to, and still decides by the rest.
#![cfg(not(feature = "x509"))]
#![allow(clippy::unwrap_used, reason = "a test")]

use peergate_core::limits::HostLimits;
use peergate_core::{Documents, Gate, LoadCode, Peer, PeerCertificate, Reason, Request};

fn load(policy: &str, source: &str) -> Result<Gate, (LoadCode, String)> {
    let documents = Documents::Parts { policy: policy.as_bytes(), source: Some(source.as_bytes()) };
    Gate::load(documents, HostLimits::NATIVE)
        .map_err(|errors| (errors[0].code, errors[0].place.full_pointer()))
}

const POLICY: &str = r#"{"version":1,"allow":[{"name":"r","from":"authenticated"}]}"#;

#[test]
fn a_source_of_certificates_is_refused_at_its_place() {
    for (source, pointer) in [
        (r#"{"preset":"nginx"}"#, "/source/preset"),
        (r#"{"preset":"envoy","read":"certificate"}"#, "/source/read"),
        (
            r#"{"preset":"custom","certificate":{"header":"x-c","encoding":"pem"},"verified":"promise"}"#,
            "/source/certificate",
        ),
        (
            r#"{"preset":"custom","fields":{"subject":{"header":"x-s","dialect":"der-base64"}},"verified":"promise"}"#,
            "/source/fields/subject/dialect",
        ),
    ] {
        let refused = load(POLICY, source).map(drop);
        assert_eq!(refused, Err((LoadCode::CertificatesNotRead, pointer.into())), "{source}");
    }
}

#[test]
fn a_connection_is_known_by_its_fingerprint_only() {
    let named = r#"{"version":1,"allow":[{"name":"r","from":[{"spiffe":"spiffe://td/a"}]}]}"#;
    let refused = load(named, r#"{"preset":"connection"}"#).map(drop);
    assert_eq!(refused, Err((LoadCode::AttributeNotCarried, "/policy/allow/0/from/0/spiffe".into())));

    let gate = load(POLICY, r#"{"preset":"connection"}"#).unwrap();
    let certificate = PeerCertificate::Sha256Hex(&[b'a'; 64]);
    let request = Request {
        method: b"GET",
        target: b"/",
        headers: &[],
        connection: Some(Peer { certificate, verified: true }),
        now: None,
    };
    let decision = gate.decide(&request);
    assert_eq!((decision.reason, decision.sha256), (Reason::Allowed, Some([0xAA; 32].into())));
}

#[test]
fn fields_of_headers_need_no_certificate() {
    let source = r#"{"preset":"custom","fields":{"spiffe":{"header":"x-s"}},"verified":"promise"}"#;
    let named = r#"{"version":1,"allow":[{"name":"r","from":[{"spiffe":"spiffe://td/a"}]}]}"#;
    let gate = load(named, source).unwrap();
    let decide = |value: &'static [u8]| {
        let headers = [(&b"X-S"[..], value)];
        let request =
            Request { method: b"GET", target: b"/", headers: &headers, connection: None, now: None };
        gate.decide(&request).reason
    };
    assert_eq!(decide(b"spiffe://td/a"), Reason::Allowed);
    assert_eq!(decide(b"spiffe://td/b"), Reason::NoRule);
    assert_eq!(decide(b""), Reason::NoCertificate);
}
