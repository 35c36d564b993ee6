//! Order of errors, lines and columns, and which document a place is in.

use peergate_core::deployment::{self, policy_path};
use peergate_core::limits::HostLimits;
use peergate_core::load::{LoadErrors, Place};
use peergate_core::{Document, Documents, LoadCode};

use super::corpus::{self, Kind, LEAST_POLICY};

fn codes(errors: &LoadErrors) -> Vec<(&'static str, String)> {
    errors.iter().map(|error| (error.code.code(), error.place.full_pointer())).collect()
}

#[test]
fn all_faults_come_in_the_order_of_the_file() {
    let text = r#"{
  "allow": [
    { "name": "Ä", "from": [] },
    { "name": "b", "from": ["@nobody"], "methods": ["get"] }
  ],
  "version": 1,
  "grups": {},
  "name": "UPPER"
}"#;
    let errors = corpus::load(Kind::Policy, text).unwrap_err();
    let found: Vec<_> =
        errors.iter().map(|error| (error.code.code(), error.place.line, error.place.column)).collect();
    assert_eq!(
        found,
        [
            ("bad_rule_name", 3, 15),
            ("empty_array", 3, 28),
            ("undefined_group", 4, 29),
            ("bad_method", 4, 53),
            ("unknown_key", 7, 3),
            ("bad_rule_name", 8, 11),
        ]
    );
}

#[test]
fn pointers_start_in_the_document_that_hosts_print() {
    let text = format!(r#"{{"log":"x","source":{{"preset":"y"}},"policy":{}}}"#, "{\"version\":1}");
    let errors = corpus::load(Kind::Deployment, &text).unwrap_err();
    let expected =
        [("unknown_value", "/log"), ("unknown_value", "/source/preset"), ("missing_key", "/policy")];
    assert_eq!(codes(&errors), expected.map(|(code, pointer)| (code, pointer.to_owned())));

    let parts = Documents::Parts { policy: br#"{"version":1}"#, source: Some(br#"{"preset":"y"}"#) };
    let errors = deployment::parse(parts, HostLimits::NATIVE).unwrap_err();
    let expected = [("missing_key", "/policy"), ("unknown_value", "/source/preset")];
    assert_eq!(codes(&errors), expected.map(|(code, pointer)| (code, pointer.to_owned())));
    assert_eq!(errors[1].place.document, Document::Source);
    assert_eq!(errors[1].place.pointer, "/preset");
    assert_eq!((errors[1].place.line, errors[1].place.column), (1, 11));
}

#[test]
fn a_policy_in_a_file_of_its_own() {
    let text = br#"{"policy": "orders.json", "log": "x"}"#;
    let given = |policy: &'static [u8]| Documents::Deployment { text, policy: Some(policy) };
    let errors = deployment::parse(given(br#"{"version":1}"#), HostLimits::NATIVE).unwrap_err();
    let expected = [("unknown_value", "/log"), ("missing_key", "/policy")];
    assert_eq!(codes(&errors), expected.map(|(code, pointer)| (code, pointer.to_owned())));
    assert_eq!(errors[1].place.document, Document::Policy);

    let text = br#"{"policy": "orders.json"}"#;
    let given = Documents::Deployment { text, policy: Some(LEAST_POLICY.as_bytes()) };
    let deployment = deployment::parse(given, HostLimits::NATIVE).unwrap();
    assert_eq!(deployment.policy, corpus::policy(LEAST_POLICY));

    let text = format!(r#"{{"policy": {LEAST_POLICY}}}"#);
    let twice = Documents::Deployment { text: text.as_bytes(), policy: Some(LEAST_POLICY.as_bytes()) };
    let errors = deployment::parse(twice, HostLimits::NATIVE).unwrap_err();
    assert_eq!(codes(&errors), [("policy_given_twice", "/policy".to_owned())]);
}

#[test]
fn the_path_of_a_policy() {
    let path = |text: &str| policy_path(text.as_bytes(), HostLimits::NATIVE);
    assert_eq!(path(r#"{"policy": "d\u00e4/p.json"}"#).unwrap().as_deref(), Some("dä/p.json"));
    assert_eq!(path(r#"{"policy": {}, "unknown": 1}"#).unwrap(), None);
    assert_eq!(path("{}").unwrap(), None);
    assert_eq!(codes(&path(r#"{"policy": ""}"#).unwrap_err()), [("empty_string", "/policy".to_owned())]);
    assert_eq!(codes(&path("[]").unwrap_err()), [("wrong_type", String::new())]);
    assert_eq!(codes(&path("{").unwrap_err()), [("invalid_json", String::new())]);
}

#[test]
fn bytes_that_are_no_text() {
    let parts = Documents::Parts { policy: b"{\"version\":1,\n\"name\":\"\xC3\xA4\xFF\"}", source: None };
    let errors = deployment::parse(parts, HostLimits::NATIVE).unwrap_err();
    let place = Place { document: Document::Policy, pointer: String::new(), line: 2, column: 10 };
    assert_eq!((errors[0].code, &errors[0].place), (LoadCode::InvalidUtf8, &place));
}

#[test]
fn the_first_hundred_faults_are_reported() {
    let rules: Vec<String> = (0..500).map(|n| format!(r#"{{"name":"r{n}","from":[]}}"#)).collect();
    // The key that comes last in the file is read first.
    let text = format!(r#"{{"allow":[{}],"version":1,"name":""}}"#, rules.join(","));
    let errors = corpus::load(Kind::Policy, &text).unwrap_err();
    let pointers: Vec<_> = errors.iter().map(|error| error.place.pointer.clone()).collect();
    assert_eq!(pointers, (0..100).map(|n| format!("/allow/{n}/from")).collect::<Vec<_>>());
}

#[test]
fn what_a_rule_needs_has_the_place_of_the_first_that_needs_it() {
    let text = r#"{"version":1,
"groups":{"g":[{"sha256":"17fe51ad17fe51ad17fe51ad17fe51ad17fe51ad17fe51ad17fe51ad17fe51ad"}]},
"allow":[{"name":"r","from":["@g",{"spiffe":"spiffe://td/a"},
  {"san":["DNS:a","URI:x:y"],"issuer":{"o":"x"},"serial":"0x1"}]}]}"#;
    let policy = corpus::policy(text);
    let uses = |uses: &peergate_core::policy::document::Uses| -> Vec<(&'static str, String, usize)> {
        uses.iter().map(|(what, place)| (what.code(), place.pointer.clone(), place.line)).collect()
    };
    assert_eq!(uses(&policy.groups[0].uses), [("sha256", "/groups/g/0/sha256".to_owned(), 2)]);
    let expected = [
        ("uri", "/allow/0/from/1/spiffe", 3),
        ("dns", "/allow/0/from/2/san/0", 4),
        ("issuer", "/allow/0/from/2/issuer", 4),
        ("serial", "/allow/0/from/2/serial", 4),
    ];
    assert_eq!(uses(&policy.rules[0].uses), expected.map(|(what, at, line)| (what, at.to_owned(), line)));
}
