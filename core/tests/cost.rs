//! 60 KiB of repeats against policies and sources that make the most of them. Where work is a product
//! of two sizes each of these takes seconds to minutes instead of moments. No clock is asked here: the
//! filter's tests bound the cost of a request by counting instructions.

#![allow(clippy::panic, reason = "a test that cannot go on panics")]

use std::fmt::Write;

use peergate_core::limits::HostLimits;
use peergate_core::{Documents, Gate, Request};
use serde_json::{Value, json};

const HASH: &str = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688";

fn decide(policy: &Value, source: &Value, header: &str) -> &'static str {
    assert!(header.len() <= 64 * 1024, "{}", header.len());
    let (policy, source) = (policy.to_string(), source.to_string());
    let documents = Documents::Parts { policy: policy.as_bytes(), source: Some(source.as_bytes()) };
    let gate = Gate::load(documents, HostLimits::NATIVE).unwrap_or_else(|errors| panic!("{errors:?}"));
    let headers = [(&b"x-forwarded-client-cert"[..], header.as_bytes())];
    let request = Request { method: b"GET", target: b"/", headers: &headers, connection: None, now: None };
    gate.decide(&request).reason.code()
}

fn envoy() -> Value {
    json!({"preset": "envoy"})
}

fn allow(principals: Value) -> Value {
    json!({"version": 1, "allow": [{"name": "only", "from": principals}]})
}

#[test]
fn one_attribute_over_and_over_beside_another_condition() {
    let subject = vec!["OU=a"; 12_000].join(",");
    let header = format!("Hash={HASH};Subject=\"{subject}\";URI=spiffe://td/a");
    let policy = allow(json!([{"subject": {"ou": "a", "o": "b"}}]));
    assert_eq!(decide(&policy, &envoy(), &header), "no_rule");
    let header = header.replacen("OU=a", "O=b", 1);
    assert_eq!(decide(&policy, &envoy(), &header), "allowed");
}

#[test]
fn many_attributes_that_each_lead_to_a_principal() {
    let (mut subject, mut principals) = (String::new(), Vec::new());
    for at in 0..5_000 {
        let _ = write!(subject, "OU=u{at},");
        principals.push(json!({"subject": {"ou": format!("u{at}"), "o": "b"}}));
    }
    let header = format!("Hash={HASH};Subject=\"{subject}C=DE\";URI=spiffe://td/a");
    assert_eq!(decide(&allow(json!(principals)), &envoy(), &header), "no_rule");
    let header = header.replace("C=DE", "O=b");
    assert_eq!(decide(&allow(json!(principals)), &envoy(), &header), "allowed");
}

#[test]
fn alternatives_by_the_ten_thousand_beside_a_repeated_attribute() {
    let ids: Vec<_> = (0..50_000).map(|at| format!("spiffe://td/{at}")).collect();
    let policy = allow(json!([{"subject": {"ou": "a"}, "spiffe": ids}]));
    let subject = vec!["OU=a"; 12_000].join(",");
    for (id, reason) in [("49999", "allowed"), ("50000", "no_rule")] {
        let header = format!("Hash={HASH};Subject=\"{subject}\";URI=spiffe://td/{id}");
        assert_eq!(decide(&policy, &envoy(), &header), reason);
    }
}

#[test]
fn one_dns_name_of_labels_only() {
    let header = format!("Hash={HASH};Subject=\"\";DNS={}example", "a.".repeat(32_000));
    let policy = allow(json!([{"dnsUnder": "example"}]));
    assert_eq!(decide(&policy, &envoy(), &header), "allowed");
}

#[test]
fn proxies_by_the_thousand() {
    let under: Vec<_> = (0..20_000).map(|at| json!({"spiffeUnder": format!("spiffe://td/{at}")})).collect();
    let source = json!({"preset": "envoy", "trustedProxies": under});
    let policy = json!({"version": 1, "allow": [{"name": "only", "from": "authenticated"}]});
    let mut elements = Vec::new();
    for at in 0..5 {
        let by: String = (0..450).map(|nth| format!("By=spiffe://td/19999/{at}-{nth};")).collect();
        let uri = if at == 0 { "td/a".to_owned() } else { format!("td/19999/{}-0", at - 1) };
        elements.push(format!("{by}Hash={HASH};Subject=\"\";URI=spiffe://{uri}"));
    }
    assert_eq!(decide(&policy, &source, &elements.join(",")), "allowed");
    let same = "By=spiffe://td/19999/a;".repeat(500);
    let header = format!("{same}Hash={HASH};Subject=\"\";URI=spiffe://td/a");
    assert_eq!(decide(&policy, &source, &header), "allowed");
}
