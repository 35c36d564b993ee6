//! Warnings: what is odd about a good document.

use super::corpus::{self, Kind};

/// Codes and pointers of the warnings of a document, but for the one that every text source has.
fn doubts(kind: Kind, text: &str) -> Vec<(&'static str, String)> {
    let deployment = corpus::load(kind, text).unwrap_or_else(|errors| panic!("{text}: {errors:#?}"));
    let found = deployment.warnings.iter().map(|doubt| (doubt.code.code(), doubt.place.full_pointer()));
    found.filter(|(code, _)| *code != "text_form_unsafe").collect()
}

fn assert_doubts(text: &str, expected: &[(&'static str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(code, at)| (*code, (*at).to_owned())).collect();
    assert_eq!(doubts(Kind::Policy, text), expected, "{text}");
}

const RULE: &str = r#"{"name":"r","from":"authenticated"}"#;

#[test]
fn groups_that_no_rule_uses() {
    let text = format!(
        r#"{{"version":1,"groups":{{"a":[{{"san":"DNS:a"}}],"b":[{{"san":"DNS:b"}}]}},
        "allow":[{RULE},{{"name":"s","from":["@b"]}}]}}"#
    );
    assert_doubts(&text, &[("unused_group", "/policy/groups/a")]);
}

#[test]
fn nothing_is_allowed() {
    assert_doubts(r#"{"version":1,"allow":[]}"#, &[("nothing_allowed", "/policy/allow")]);
    let shadow = r#"{"version":1,"allow":[{"name":"r","mode":"shadow","from":"authenticated"}]}"#;
    assert_doubts(shadow, &[("nothing_allowed", "/policy/allow")]);
    assert_doubts(r#"{"version":1,"mode":"shadow","allow":[]}"#, &[]);
    assert_doubts(&format!(r#"{{"version":1,"allow":[{RULE}]}}"#), &[]);
}

#[test]
fn everything_is_allowed() {
    let open = |rest: &str| corpus::with_rule(&format!(r#"{{"name":"r","from":"anyone"{rest}}}"#));
    assert_doubts(&open(""), &[("open_to_anyone", "/policy/allow/0")]);
    assert_doubts(&open(r#","paths":["/a","/*"]"#), &[("open_to_anyone", "/policy/allow/0")]);
    assert_doubts(&open(r#","paths":["/a/*"]"#), &[]);
    assert_doubts(&open(r#","methods":["GET"]"#), &[]);
    assert_doubts(&open(r#","mode":"shadow""#), &[("nothing_allowed", "/policy/allow")]);
    let deny = format!(r#"{{"version":1,"deny":[{{"name":"d","from":"anyone"}}],"allow":[{RULE}]}}"#);
    assert_doubts(&deny, &[]);
}

#[test]
fn a_common_name_of_any_issuer() {
    let doubt = |at| [("cn_without_issuer", at)];
    let principal = |text: &str| corpus::with_principal(text);
    assert_doubts(&principal(r#"{"subject":{"cn":"a"}}"#), &doubt("/policy/allow/0/from/0/subject/cn"));
    let second = r#"{"subject":["O=x",{"o":"y","cn":["a","b"]}]}"#;
    assert_doubts(&principal(second), &doubt("/policy/allow/0/from/0/subject/1/cn"));
    assert_doubts(&principal(r#"{"subject":{"cn":"a"},"issuer":"CN=ca"}"#), &[]);
    assert_doubts(&principal(r#"{"issuer":{"cn":"a"}}"#), &[]);
    assert_doubts(&principal(r#"{"subject":{"o":"a"}}"#), &[]);

    let grouped = |deny: &str, allow: &str| {
        format!(
            r#"{{"version":1,"groups":{{"g":[{{"subject":{{"cn":"a"}}}},{{"subject":{{"cn":"b"}}}}]}},
            "deny":[{{"name":"d","from":[{deny}]}}],"allow":[{RULE},{{"name":"a","from":[{allow}]}}]}}"#
        )
    };
    let other = r#"{"san":"DNS:x"}"#;
    assert_doubts(&grouped(other, "\"@g\""), &doubt("/policy/groups/g/0/subject/cn"));
    assert_doubts(&grouped("\"@g\"", other), &[]);
    let denied = r#"{"subject":{"cn":"a"}},"@g""#;
    assert_doubts(&grouped(denied, other), &[]);
}

#[test]
fn identities_that_no_trust_domain_covers() {
    let text = |from: &str| {
        format!(
            r#"{{"version":1,"trustDomains":["td","b.td"],"groups":{{"g":[{{"spiffe":"spiffe://c/x"}}]}},
            "allow":[{{"name":"r","from":["@g",{from}]}}]}}"#
        )
    };
    let group = ("foreign_identity", "/policy/groups/g/0/spiffe");
    assert_doubts(&text(r#"{"spiffe":"spiffe://td/a"},{"spiffeUnder":"spiffe://b.td"}"#), &[group]);
    let list = r#"{"spiffe":["spiffe://td/a","spiffe://tda/a","spiffe://x/a"]}"#;
    assert_doubts(&text(list), &[group, ("foreign_identity", "/policy/allow/0/from/1/spiffe/1")]);
    let under = r#"{"spiffeUnder":"spiffe://a.td"}"#;
    assert_doubts(&text(under), &[group, ("foreign_identity", "/policy/allow/0/from/1/spiffeUnder")]);
    let san = r#"{"san":"URI:spiffe://x/a"}"#;
    assert_doubts(&text(san), &[group, ("foreign_identity", "/policy/allow/0/from/1/san")]);
    assert_doubts(&text(r#"{"san":"URI:https://x/a"}"#), &[group]);
}

#[test]
fn the_text_form() {
    let found = |kind, text: &str| -> Vec<String> {
        let doubts = corpus::load(kind, text).unwrap().warnings.into_iter();
        let doubts = doubts.filter(|doubt| doubt.code.code() == "text_form_unsafe");
        doubts
            .inspect(|doubt| {
                assert!(doubt.hint.contains("\"format\": \"json\""));
                assert!(doubt.hint.contains("\"read\": \"certificate\""));
            })
            .map(|doubt| doubt.place.full_pointer())
            .collect()
    };
    assert_eq!(found(Kind::Source, r#"{"preset":"envoy"}"#), ["/source"]);
    assert_eq!(found(Kind::Source, r#"{"preset":"envoy","format":"text"}"#), ["/source/format"]);
    assert_eq!(found(Kind::Policy, corpus::LEAST_POLICY), ["/source"]);
    assert_eq!(found(Kind::Deployment, r#"{"policy":{"version":1,"allow":[]}}"#), ["/source"]);
    assert!(found(Kind::Source, r#"{"preset":"envoy","format":"json"}"#).is_empty());
    assert!(found(Kind::Source, r#"{"preset":"connection"}"#).is_empty());
}

#[test]
fn unverified_callers() {
    let doubts = doubts(Kind::Source, r#"{"preset":"connection","requireVerified":false}"#);
    let expected = ("verification_not_required", "/source/requireVerified".to_owned());
    assert!(doubts.contains(&expected), "{doubts:?}");
}

#[test]
fn doubts_come_in_the_order_of_the_file_and_end() {
    let groups: Vec<String> = (0..300).map(|n| format!(r#""g{n}":[{{"san":"DNS:a"}}]"#)).collect();
    let text = format!(r#"{{"allow":[],"groups":{{{}}},"version":1}}"#, groups.join(","));
    let found = doubts(Kind::Policy, &text);
    assert_eq!(found[0].0, "nothing_allowed");
    assert_eq!(found[1].1, "/policy/groups/g0");
    assert_eq!(found[99].1, "/policy/groups/g98");
    assert_eq!(found.len(), 100);
}
