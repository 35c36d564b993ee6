//! A caller who comes again is known by the header value. What depends on the request is looked at each
//! time all the same, and no value passes for another: a gate that has met many callers answers as one
//! that has met none.

#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on panics")]

use peergate_core::limits::{HostLimits, KNOWN_CALLER_BYTES, KNOWN_CALLERS};
use peergate_core::{Documents, Gate, Peer, PeerCertificate, Request};

const HASH: &str = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";
const OTHER: &str = "a68ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";

const POLICY: &str = r#"{
    "version": 1,
    "trustDomains": ["td"],
    "deny": [{"name": "closed", "from": "anyone", "paths": ["/closed"]}],
    "allow": [
        {"name": "team", "from": [{"spiffeUnder": "spiffe://td/team"}], "methods": ["GET"]},
        {"name": "next", "from": [{"san": "DNS:a.example"}], "mode": "shadow"},
        {"name": "unit", "from": [{"subject": {"ou": "U"}}], "paths": ["/v1/*"]}
    ]
}"#;

fn gate(source: &str) -> Gate {
    let documents = Documents::Parts { policy: POLICY.as_bytes(), source: Some(source.as_bytes()) };
    Gate::load(documents, HostLimits::NATIVE).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// What a gate says, all of it.
fn ask(gate: &Gate, method: &str, target: &str, values: &[&str], hash: Option<&str>) -> String {
    ask_at(None, gate, method, target, values, hash)
}

fn ask_at(
    now: Option<i64>,
    gate: &Gate,
    method: &str,
    target: &str,
    values: &[&str],
    hash: Option<&str>,
) -> String {
    let certificate = |hash: &'static str| PeerCertificate::Sha256Hex(hash.as_bytes());
    let hash = hash.map(|hash| if hash == HASH { HASH } else { OTHER });
    let connection = hash.map(|hash| Peer { certificate: certificate(hash), verified: true });
    let lines: Vec<_> =
        values.iter().map(|value| (&b"x-forwarded-client-cert"[..], value.as_bytes())).collect();
    let (method, target) = (method.as_bytes(), target.as_bytes());
    format!("{:?}", gate.decide(&Request { method, target, headers: &lines, connection, now }))
}

/// Values that tell of different callers, or of none, many of them alike.
fn values() -> Vec<String> {
    let mut values = vec![String::new(), format!("By=spiffe://td/edge;Hash={HASH}")];
    for hash in [HASH, OTHER, "no hash"] {
        for name in
            ["spiffe://td/team/a", "spiffe://td/team/b", "spiffe://td/other", "spiffe://far/team/a", "x"]
        {
            for (subject, dns) in
                [("", ""), ("OU=U", ";DNS=a.example"), ("CN=\\E4", ";DNS=b.example"), ("CN", "")]
            {
                values.push(format!("Hash={hash};Subject=\"{subject}\";URI={name}{dns}"));
                values.push(format!("Hash={hash};Subject=\"{subject}\"{dns};URI=\"{name}\""));
            }
        }
        values.push(format!("Hash={hash};Subject=\"\";URI=;DNS=a.example"));
        values.push(format!("Hash={hash};Subject=\"CN=only\";URI="));
        values.push(format!("Hash={hash};Subject=\"CN=a\\\\\\\"b\";URI="));
    }
    let two = format!("{},{}", values[5], values[9]);
    values.push(two);
    values
}

#[test]
fn whoever_comes_again_is_answered_as_the_first_time() {
    let values = values();
    for source in [
        r#"{"preset":"envoy"}"#,
        r#"{"preset":"envoy","bindConnection":true}"#,
        r#"{"preset":"envoy","bindConnection":false,"keyOrder":"any"}"#,
    ] {
        let met = gate(source);
        let mut at = 7_usize;
        let mut allowed = 0;
        for _ in 0..3_000 {
            let mut pick = |count: usize| {
                at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (at >> 33) % count
            };
            let method = ["GET", "POST", "get"][pick(3)];
            let target = ["/v1/a", "/closed", "/..", "/"][pick(4)];
            let mut lines = vec![&*values[pick(values.len())]];
            if pick(10) == 0 {
                lines.push(&values[pick(values.len())]);
            }
            let hash = [None, Some(HASH), Some(OTHER)][pick(3)];
            let answer = ask(&met, method, target, &lines, hash);
            assert_eq!(
                answer,
                ask(&gate(source), method, target, &lines, hash),
                "{source} {method} {target} {lines:?}"
            );
            allowed += usize::from(answer.contains("verdict: Allow"));
        }
        assert!(allowed > 20, "{source}: {allowed}");
    }
}

#[test]
fn more_callers_than_are_kept() {
    let met = gate(r#"{"preset":"envoy"}"#);
    for _ in 0..3 {
        for number in 0..4 * KNOWN_CALLERS {
            let team = if number % 3 == 0 { "other" } else { "team" };
            let value = format!("Hash={HASH};Subject=\"\";URI=spiffe://td/{team}/{number}");
            let answer = ask(&met, "GET", "/", &[&value], None);
            assert_eq!(answer.contains("verdict: Allow"), team == "team", "{value}");
            assert!(answer.contains(&format!("spiffe://td/{team}/{number}\"")), "{answer}");
        }
    }
}

#[test]
fn values_too_long_to_be_kept() {
    let met = gate(r#"{"preset":"envoy"}"#);
    for length in [KNOWN_CALLER_BYTES - 1, KNOWN_CALLER_BYTES, KNOWN_CALLER_BYTES + 1] {
        let end = format!(";Hash={HASH};Subject=\"\";URI=spiffe://td/team/a");
        let value = format!("By={}{end}", "a".repeat(length - end.len() - 3));
        for (method, verdict) in [("GET", "Allow"), ("GET", "Allow"), ("POST", "Deny")] {
            let answer = ask(&met, method, "/", &[&value], None);
            assert!(answer.contains(&format!("verdict: {verdict}")), "{length} {method} {answer}");
        }
    }
}

/// Certificates end while their callers are known.
#[cfg(feature = "x509")]
#[test]
fn time_goes_by_for_those_who_are_known() {
    use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
    let uri = String::from("spiffe://td/team/a");
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap_or_else(|_| panic!("no URI")))];
    let key = KeyPair::generate().unwrap_or_else(|error| panic!("{error}"));
    let certificate = params.self_signed(&key).unwrap_or_else(|error| panic!("{error}"));
    let read = peergate_core::x509::Certificate::from_der(certificate.der());
    let read = read.unwrap_or_else(|error| panic!("{error:?}"));
    let hash: String = read.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let escape = |byte: u8| format!("%{byte:02X}");
    let cert: String = certificate.pem().bytes().map(escape).collect();
    let value = format!("Hash={hash};Cert=\"{cert}\"");
    let other = value.replace(&hash, OTHER);
    let source = r#"{"preset":"envoy","read":"certificate"}"#;
    let met = gate(source);
    let mut answers = std::collections::BTreeMap::new();
    for _ in 0..2 {
        for now in [None, Some(0), Some(read.not_before), Some(read.not_after), Some(read.not_after + 3600)] {
            for (value, hash) in [(&value, None), (&value, Some(OTHER)), (&other, None)] {
                for method in ["GET", "POST"] {
                    let answer = ask_at(now, &met, method, "/", &[value], hash);
                    assert_eq!(answer, ask_at(now, &gate(source), method, "/", &[value], hash), "{now:?}");
                    let reason = answer.split("reason: ").nth(1).and_then(|rest| rest.split(',').next());
                    *answers.entry(reason.unwrap_or_default().to_owned()).or_insert(0) += 1;
                }
            }
        }
    }
    for reason in ["Allowed", "NoRule", "Expired", "NotYetValid", "HashMismatch"] {
        assert!(answers.contains_key(reason), "{answers:?}");
    }
}
