//! Every rule of the documents, broken.

use std::collections::BTreeSet;

use peergate_core::limits::{HostLimits, LOAD_ERRORS};
use peergate_core::{Documents, Gate, LoadCode};

use super::corpus::{self, Kind};

#[test]
fn each_broken_rule_has_its_code_and_its_pointer() {
    let mut wrong = Vec::new();
    for entry in corpus::refused() {
        let Err(errors) = corpus::load(entry.kind, &entry.text) else {
            wrong.push(format!("{}: accepted\n  {}", entry.about, entry.text));
            continue;
        };
        let first = &errors[0];
        let found = (first.code.code(), first.place.full_pointer());
        let expected = (entry.code.unwrap(), entry.pointer.unwrap());
        if (found.0, found.1.as_str()) != (expected.0.as_str(), expected.1.as_str()) {
            wrong.push(format!("{}: {found:?}, expected {expected:?}", entry.about));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_single_fault_is_reported_once() {
    let mut wrong = Vec::new();
    for entry in corpus::refused() {
        if let Err(errors) = corpus::load(entry.kind, &entry.text)
            && errors.len() > 1
        {
            let codes: Vec<_> = errors.iter().map(|error| error.code.code()).collect();
            wrong.push(format!("{}: {codes:?}", entry.about));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_is_in_the_corpus() {
    // These are tested elsewhere: the first four in limits.rs and places.rs, since their documents
    // are large or no text; the fifth in places.rs, since it needs a second document; the next two
    // below, since only a gate knows the host; the last in without_x509.rs.
    let elsewhere = [
        LoadCode::DocumentTooLarge,
        LoadCode::InvalidUtf8,
        LoadCode::TooManyRules,
        LoadCode::TooManyIdentities,
        LoadCode::PolicyGivenTwice,
        LoadCode::AttributeNotCarried,
        LoadCode::VerifiedByRequired,
        LoadCode::CertificatesNotRead,
    ];
    let seen: BTreeSet<String> = corpus::refused().into_iter().filter_map(|entry| entry.code).collect();
    let missing: Vec<_> = LoadCode::ALL
        .iter()
        .filter(|code| !elsewhere.contains(code) && !seen.contains(code.code()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_only_a_gate_refuses() {
    let gate = |policy: &str, source: &str, limits| {
        let documents = Documents::Parts { policy: policy.as_bytes(), source: Some(source.as_bytes()) };
        match Gate::load(documents, limits) {
            Ok(_) => None,
            Err(errors) => Some((errors[0].code, errors[0].place.full_pointer())),
        }
    };
    let issuer = corpus::with_principal(r#"{"san":"DNS:a","issuer":["CN=ca"]}"#);
    let expected = (LoadCode::AttributeNotCarried, "/policy/allow/0/from/0/issuer/0".to_owned());
    assert_eq!(gate(&issuer, r#"{"preset":"envoy"}"#, HostLimits::NATIVE), Some(expected));

    let connection = r#"{"preset":"connection"}"#;
    let expected = (LoadCode::VerifiedByRequired, "/source".to_owned());
    assert_eq!(gate(corpus::LEAST_POLICY, connection, HostLimits::FILTER), Some(expected));
    assert_eq!(gate(corpus::LEAST_POLICY, connection, HostLimits::NATIVE), None);
    for way_out in [r#","verifiedBy":"listener"}"#, r#","requireVerified":false}"#] {
        let source = connection.replace('}', way_out);
        assert_eq!(gate(corpus::LEAST_POLICY, &source, HostLimits::FILTER), None, "{source}");
    }
}

#[test]
fn what_a_source_does_not_carry_is_told_in_the_order_of_the_file_up_to_the_limit() {
    let names = (0..150).map(|n| format!("g{n:03}"));
    let uses: String = names.clone().map(|name| format!(r#""@{name}","#)).collect();
    let groups: Vec<_> = names.map(|name| format!(r#""{name}":[{{"issuer":"CN=ca"}}]"#)).collect();
    let policy = format!(
        r#"{{"version":1,"allow":[{{"name":"r","from":[{uses}{{"issuer":"CN=ca"}}]}}],"groups":{{{}}}}}"#,
        groups.join(",")
    );
    let documents = Documents::Parts { policy: policy.as_bytes(), source: Some(br#"{"preset":"envoy"}"#) };
    let errors = Gate::load(documents, HostLimits::NATIVE).err().unwrap_or_default();
    let pointers: Vec<_> = errors.iter().map(|error| error.place.full_pointer()).collect();
    assert_eq!(pointers.len(), LOAD_ERRORS);
    assert_eq!(pointers[0], "/policy/allow/0/from/150/issuer");
    assert_eq!(
        (&*pointers[1], &*pointers[99]),
        ("/policy/groups/g000/0/issuer", "/policy/groups/g098/0/issuer")
    );
}

#[test]
fn hints_name_what_is_likely_meant() {
    let cases = [
        (r#"{"san":"api.example"}"#, "DNS:"),
        (r#"{"san":"10.0.0.7"}"#, "IP:"),
        (r#"{"san":"::1"}"#, "IP:"),
        (r#"{"san":"ada@example.org"}"#, "email:"),
        (r#"{"san":"https://example.org"}"#, "URI:"),
        (r#"{"san":"spiffe://td/a"}"#, "URI:spiffe://"),
        (r#"{"san":"IP:10.0.0.0/8"}"#, "prefix length"),
        (r#"{"san":"IP:::ffff:10.0.0.7"}"#, "IPv4"),
        (r#"{"spiffe":"spiffe://td"}"#, "spiffeUnder"),
        (r#"{"spiffe":"spiffe://td/*"}"#, "spiffeUnder"),
        (r#"{"dnsUnder":"*.example"}"#, "dnsUnder already means"),
        (r#"{"issuer":"CN=a","serial":"123"}"#, "hexadecimal"),
        (r#"{"subject":"/CN=a"}"#, "slashes"),
        (r#"{"subject":{"2.5.4.3":"a"}}"#, "cn"),
        (r#"{"subject":{"CN":"a"}}"#, "cn"),
        (r#"{"sha256":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}"#, "-sha256"),
    ];
    for (principal, words) in cases {
        let errors = corpus::load(Kind::Policy, &corpus::with_principal(principal)).unwrap_err();
        assert!(errors[0].hint.contains(words), "{principal}: {}", errors[0].hint);
    }
    let rules = [
        (r#"{"name":"r","from":"@g"}"#, "array"),
        (r#"{"name":"r","from":["anyone"]}"#, "in place of the array"),
        (r#"{"name":"r","from":"anyone","methods":["*"]}"#, "leave methods out"),
        (r#"{"name":"r","from":"anyone","paths":["*"]}"#, "\"/*\""),
        (r#"{"name":"r","from":"anyone","paths":["/a*"]}"#, "{name}"),
        (r#"{"name":"r","from":"anyone","paths":["/a?b"]}"#, "query"),
        (r#"{"name":"r","from":"anyone","paths":["/a;b"]}"#, "allowSemicolon"),
        (r#"{"name":"r","from":"anyone","paths":["/a%2Fb"]}"#, "escape"),
    ];
    for (rule, words) in rules {
        let errors = corpus::load(Kind::Policy, &corpus::with_rule(rule)).unwrap_err();
        assert!(errors[0].hint.contains(words), "{rule}: {}", errors[0].hint);
    }
}
