//! Limits, each at the limit and one past it.

use peergate_core::deployment;
use peergate_core::limits::{HostLimits, RULES};
use peergate_core::load::LoadErrors;
use peergate_core::{Documents, LoadCode};

use super::corpus::{self, Kind, with_principal, with_rule};

fn first(errors: &LoadErrors) -> (LoadCode, String) {
    (errors[0].code, errors[0].place.full_pointer())
}

#[test]
fn rules_of_deny_and_allow_together() {
    let policy = |deny: usize, allow: usize| {
        let rules = |prefix: &str, count: usize| {
            let rule = |n| format!(r#"{{"name":"{prefix}{n}","from":"authenticated"}}"#);
            (0..count).map(rule).collect::<Vec<_>>().join(",")
        };
        format!(r#"{{"version":1,"deny":[{}],"allow":[{}]}}"#, rules("d", deny), rules("a", allow))
    };
    assert!(corpus::load(Kind::Policy, &policy(96, RULES - 96)).is_ok());
    let errors = corpus::load(Kind::Policy, &policy(96, RULES - 95)).unwrap_err();
    assert_eq!(first(&errors), (LoadCode::TooManyRules, "/policy/allow/4000".to_owned()));
    assert_eq!(errors.len(), 1);
}

fn load_with(identities: usize, policy: &str) -> Result<(), LoadErrors> {
    let limits = HostLimits { identities, ..HostLimits::FILTER };
    deployment::parse(Documents::Parts { policy: policy.as_bytes(), source: None }, limits).map(drop)
}

#[test]
fn identities_are_principals_and_further_alternatives() {
    let text = r#"{"version":1,
      "groups":{"g":[{"spiffe":"spiffe://td/a"},{"san":["DNS:a","DNS:b"],"dnsUnder":"x"}]},
      "allow":[{"name":"r","from":["@g",{"subject":{"o":["x","y","z"]}}]}]}"#;
    assert!(load_with(6, text).is_ok());
    let errors = load_with(5, text).unwrap_err();
    let expected = (LoadCode::TooManyIdentities, "/policy/allow/0/from/1/subject/o/2".to_owned());
    assert_eq!((first(&errors), errors.len()), (expected, 1));
    let errors = load_with(1, text).unwrap_err();
    assert_eq!(first(&errors), (LoadCode::TooManyIdentities, "/policy/groups/g/1".to_owned()));
    assert_eq!(errors.len(), 1);
}

#[test]
fn the_identities_of_a_filter() {
    let policy = |count: usize| {
        let ids: Vec<String> = (0..count).map(|n| format!(r#"{{"spiffe":"spiffe://td/{n}"}}"#)).collect();
        format!(
            r#"{{"version":1,"groups":{{"g":[{}]}},"allow":[{{"name":"r","from":["@g"]}}]}}"#,
            ids.join(",")
        )
    };
    assert!(load_with(HostLimits::FILTER.identities, &policy(100_000)).is_ok());
    let errors = load_with(HostLimits::FILTER.identities, &policy(100_001)).unwrap_err();
    assert_eq!(first(&errors), (LoadCode::TooManyIdentities, "/policy/groups/g/100000".to_owned()));
}

#[test]
fn bytes_of_a_document() {
    let mut text = corpus::LEAST_POLICY.to_owned();
    text.push_str(&" ".repeat(HostLimits::FILTER.document_bytes - text.len()));
    assert!(load_with(1, &text).is_ok());
    text.push(' ');
    let errors = load_with(1, &text).unwrap_err();
    assert_eq!(first(&errors), (LoadCode::DocumentTooLarge, "/policy".to_owned()));
}

#[test]
fn nesting() {
    // A policy stands at level 1 alone and at level 2 in a deployment; the fault in it is the first.
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let unknown = |depth| format!(r#"{{"version":1,"allow":[],"x":{}}}"#, nested(depth));
    let errors = corpus::load(Kind::Policy, &unknown(31)).unwrap_err();
    assert_eq!(first(&errors).0, LoadCode::UnknownKey);
    let errors = corpus::load(Kind::Policy, &unknown(32)).unwrap_err();
    assert_eq!(first(&errors).0, LoadCode::NestingTooDeep);
    let errors = corpus::load(Kind::Deployment, &format!(r#"{{"policy":{}}}"#, unknown(31))).unwrap_err();
    assert_eq!(first(&errors).0, LoadCode::NestingTooDeep);
}

#[test]
fn names_ids_and_patterns() {
    let name = |length: usize| with_rule(&format!(r#"{{"name":"{}","from":"anyone"}}"#, "a".repeat(length)));
    assert!(corpus::load(Kind::Policy, &name(63)).is_ok());
    assert_eq!(first(&corpus::load(Kind::Policy, &name(64)).unwrap_err()).0, LoadCode::BadRuleName);

    let id = |length: usize| {
        let path = "a".repeat(length - "spiffe://td/".len());
        with_principal(&format!(r#"{{"spiffe":"spiffe://td/{path}"}}"#))
    };
    assert!(corpus::load(Kind::Policy, &id(2048)).is_ok());
    assert_eq!(first(&corpus::load(Kind::Policy, &id(2049)).unwrap_err()).0, LoadCode::BadSpiffeId);

    let paths = |segments: usize| {
        with_rule(&format!(r#"{{"name":"r","from":"anyone","paths":["{}"]}}"#, "/a".repeat(segments)))
    };
    assert!(corpus::load(Kind::Policy, &paths(32)).is_ok());
    assert_eq!(first(&corpus::load(Kind::Policy, &paths(33)).unwrap_err()).0, LoadCode::BadPath);

    let domain =
        |length: usize| format!(r#"{{"version":1,"allow":[],"trustDomains":["{}"]}}"#, "a".repeat(length));
    assert!(corpus::load(Kind::Policy, &domain(255)).is_ok());
    assert_eq!(first(&corpus::load(Kind::Policy, &domain(256)).unwrap_err()).0, LoadCode::BadTrustDomain);
}
