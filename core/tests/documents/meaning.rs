//! What is taken, and what it then means.

use peergate_core::deployment::Responses;
use peergate_core::gate::LogMode;
use peergate_core::policy::document::{Effect, From, Mode};
use peergate_core::policy::principal::{Atom, NameRole, Term};
use peergate_core::source::document::{Preset, Validity, XfccFormat};
use peergate_core::target::TargetRules;

use super::corpus::{self, Kind, with_principal};

#[test]
fn the_corpus_of_good_documents_loads() {
    for entry in corpus::accepted() {
        if let Err(errors) = corpus::load(entry.kind, &entry.text) {
            panic!("{}: {errors:#?}\n{}", entry.about, entry.text);
        }
    }
}

/// The one principal of a policy with one rule.
fn term(principal: &str) -> Term {
    let policy = corpus::policy(&with_principal(principal));
    let From::AnyOf { principals, groups } = &policy.rules[0].from else { panic!("{principal}") };
    assert!(groups.is_empty());
    assert_eq!(principals.len(), 1);
    principals[0].clone()
}

fn is(atom: Atom) -> Term {
    Term::Is(atom)
}

#[test]
fn values_are_normalised_so_that_bytes_compare() {
    let same = |a: &str, b: Atom| assert_eq!(term(a), is(b), "{a}");
    same(r#"{"spiffe":"spiffe://td/a"}"#, Atom::Spiffe("spiffe://td/a".into()));
    same(r#"{"spiffe":"spiffe:\/\/td\/\u0061"}"#, Atom::Spiffe("spiffe://td/a".into()));
    same(r#"{"san":"URI:spiffe://td/a"}"#, Atom::Spiffe("spiffe://td/a".into()));
    same(r#"{"spiffeUnder":"spiffe://td"}"#, Atom::SpiffeUnder("spiffe://td".into()));
    same(r#"{"san":"URI:https://Host/Path"}"#, Atom::Uri("https://Host/Path".into()));
    same(r#"{"san":"DNS:API.Example"}"#, Atom::Dns("api.example".into()));
    same(r#"{"dnsUnder":"Example.ORG"}"#, Atom::DnsUnder("example.org".into()));
    same(r#"{"san":"email:Ada.L@Example.ORG"}"#, Atom::Email("Ada.L@example.org".into()));
    same(r#"{"san":"IP:10.0.0.7"}"#, Atom::Ip([10, 0, 0, 7].as_slice().into()));
    let mut v6 = [0; 16];
    (v6[0], v6[1], v6[2], v6[3], v6[15]) = (0x20, 0x01, 0x0d, 0xb8, 1);
    same(r#"{"san":"IP:2001:DB8:0::1"}"#, Atom::Ip(v6.as_slice().into()));

    let digest = Atom::Sha256([0x17, 0xfe, 0x51, 0xad].repeat(8).try_into().unwrap());
    let hex = "17fe51ad".repeat(8);
    let pairs: Vec<String> =
        hex.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into()).collect();
    let base64 = "F/5RrRf+Ua0X/lGtF/5RrRf+Ua0X/lGtF/5RrRf+Ua0=";
    for spelling in [hex.clone(), hex.to_uppercase(), pairs.join(":"), pairs.join(" "), base64.into()] {
        same(&format!(r#"{{"sha256":"{spelling}"}}"#), digest.clone());
    }
}

#[test]
fn serial_numbers_compare_as_integers() {
    let serial = |text: &str| match term(&format!(r#"{{"issuer":{{"o":"x"}},"serial":"{text}"}}"#)) {
        Term::All(terms) => terms[1].clone(),
        other => panic!("{other:?}"),
    };
    let bytes = |bytes: &[u8]| is(Atom::Serial(bytes.into()));
    assert_eq!(serial("0x1"), bytes(&[1]));
    assert_eq!(serial("0x0001"), bytes(&[1]));
    assert_eq!(serial("0x00"), bytes(&[]));
    assert_eq!(serial("0x1fF"), bytes(&[1, 0xff]));
    assert_eq!(serial("0x01:FF"), bytes(&[1, 0xff]));
    assert_eq!(serial("0x00:1f:f"), bytes(&[1, 0xff]));
    assert_eq!(serial(&format!("0x{}", "ab".repeat(20))), bytes(&[0xab; 20]));
}

#[test]
fn names_compare_structurally() {
    let name = |text: &str| term(&format!(r#"{{"subject":"{text}"}}"#));
    assert_eq!(name("CN=api,O=Acme\\\\, Inc."), name("cn=api,o=Acme\\\\2c Inc."));
    assert_ne!(name("CN=a,O=b"), name("O=b,CN=a"));
    assert_ne!(term(r#"{"subject":"CN=a"}"#), term(r#"{"issuer":"CN=a"}"#));
    let attribute =
        |role, oid: &str, value: &str| is(Atom::NameAttribute { role, oid: oid.into(), value: value.into() });
    assert_eq!(
        term(r#"{"subject":{"cn":"a b","2.5.4.12":"Dr"}}"#),
        Term::All(vec![
            attribute(NameRole::Subject, "2.5.4.3", "a b"),
            attribute(NameRole::Subject, "2.5.4.12", "Dr"),
        ])
    );
    assert_eq!(
        term(r#"{"issuer":[{"o":["x","y"]},{"uid":"z"}]}"#),
        Term::Any(vec![
            Term::Any(vec![
                attribute(NameRole::Issuer, "2.5.4.10", "x"),
                attribute(NameRole::Issuer, "2.5.4.10", "y"),
            ]),
            attribute(NameRole::Issuer, "0.9.2342.19200300.100.1.1", "z"),
        ])
    );
}

#[test]
fn keys_join_by_and_values_by_or() {
    let spiffe = |id: &str| is(Atom::Spiffe(id.into()));
    let dns = |name: &str| is(Atom::Dns(name.into()));
    assert_eq!(
        term(r#"{"san":["DNS:a","DNS:b"],"spiffe":["spiffe://td/a"]}"#),
        Term::All(vec![Term::Any(vec![dns("a"), dns("b")]), spiffe("spiffe://td/a")])
    );
    assert_eq!(
        term(r#"{"extension":[{"value":"v","oid":"1.2.3"},{"oid":"1.2.4","value":"w"}]}"#),
        Term::Any(vec![
            is(Atom::Extension { oid: "1.2.3".into(), value: "v".into() }),
            is(Atom::Extension { oid: "1.2.4".into(), value: "w".into() }),
        ])
    );
}

#[test]
fn a_whole_policy() {
    let policy = corpus::policy(
        r#"{
  "allow": [
    { "name": "health", "from": "anyone", "methods": ["GET", "HEAD"], "paths": ["/healthz"] },
    { "name": "orders", "from": ["@b", { "spiffe": "spiffe://td/x" }, "@a", "@b"], "mode": "shadow" }
  ],
  "version": 1, "name": "orders-api", "mode": "shadow", "trustDomains": ["td", "b"],
  "groups": { "a": [{ "spiffe": "spiffe://td/a" }], "b": [{ "san": "DNS:b" }, { "san": "DNS:c" }] },
  "request": { "allowSemicolon": true },
  "deny": [{ "name": "revoked", "from": "authenticated", "paths": ["/a;b", "/*"] }]
}"#,
    );
    assert_eq!((&*policy.name, policy.mode), ("orders-api", Mode::Shadow));
    assert_eq!(policy.trust_domains, Some(vec!["td".into(), "b".into()]));
    assert_eq!(policy.trust_domains_place.unwrap().pointer, "/trustDomains");
    let strict = TargetRules::Strict { allow_encoded_slash: false, allow_semicolon: true };
    assert_eq!(policy.target, strict);
    let groups: Vec<_> = policy.groups.iter().map(|group| (&*group.name, group.principals.len())).collect();
    assert_eq!(groups, [("a", 1), ("b", 2)]);

    let rules: Vec<_> = policy.rules.iter().map(|rule| (&*rule.name, rule.effect, rule.mode)).collect();
    assert_eq!(
        rules,
        [
            ("revoked", Effect::Deny, Mode::Enforce),
            ("health", Effect::Allow, Mode::Enforce),
            ("orders", Effect::Allow, Mode::Shadow),
        ]
    );
    assert_eq!(policy.rules[0].from, From::Authenticated);
    let paths: Vec<_> = policy.rules[0].paths.iter().flatten().map(|path| path.as_str()).collect();
    assert_eq!(paths, ["/a;b", "/*"]);
    assert_eq!(policy.rules[1].from, From::Anyone);
    assert_eq!(policy.rules[1].methods, Some(vec!["GET".into(), "HEAD".into()]));
    let principals = vec![is(Atom::Spiffe("spiffe://td/x".into()))];
    assert_eq!(policy.rules[2].from, From::AnyOf { principals, groups: vec![0, 1] });
    assert_eq!((&policy.rules[2].methods, &policy.rules[2].paths), (&None, &None));
}

#[test]
fn defaults_of_a_policy() {
    let policy = corpus::policy(corpus::LEAST_POLICY);
    assert_eq!((&*policy.name, policy.mode), ("policy", Mode::Enforce));
    assert_eq!((policy.trust_domains, policy.target), (None, TargetRules::STRICT));
    assert!(policy.groups.is_empty() && policy.rules.is_empty());
    let any = corpus::policy(r#"{"version":1,"request":{"target":"any"},"allow":[]}"#);
    assert_eq!(any.target, TargetRules::Any);
}

#[test]
fn the_digest_is_of_the_content_wherever_it_stands() {
    let text = r#"{"version":1,"name":"a","allow":[{"name":"r","from":"anyone"}]}"#;
    let spelled = "{ \"allow\":[{\"from\":\"\\u0061nyone\",\"name\":\"r\"}],\n\"name\":\"a\",\"version\":1}";
    let digest = corpus::policy(text).sha256;
    assert_eq!(digest, corpus::policy(spelled).sha256);
    let deployment = corpus::load(Kind::Deployment, &format!(r#"{{"policy":{spelled}}}"#)).unwrap();
    assert_eq!(digest, deployment.policy.sha256);
    // sha256sum of {"allow":[{"from":"anyone","name":"r"}],"name":"a","version":1}
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "734ed0e06cf5916c4786de1c16c395a04df343ed2e6fe3a6b78ff2044352b477");
    assert_ne!(digest, corpus::policy(&text.replace("\"a\"", "\"b\"")).sha256);
}

#[test]
fn a_whole_envoy_source() {
    let text = r#"{"preset":"envoy","headers":{"cert":"X-Xfcc"},"requireVerified":false,
        "validity":"required","clockSkewSeconds":5,"maxHeaderBytes":9000,"format":"json","read":"fields",
        "fields":["uri"],"trustedProxies":["spiffe://td/gw",{"spiffeUnder":"spiffe://td/gws"}],
        "bindConnection":false,"keyOrder":"any"}"#;
    let source = corpus::load(Kind::Source, text).unwrap().source;
    assert_eq!(source.preset, Preset::Envoy);
    assert_eq!(source.headers, [("cert".into(), "x-xfcc".into())]);
    assert_eq!((source.require_verified, source.validity), (false, Validity::Required));
    assert_eq!(source.validity_place.unwrap().full_pointer(), "/source/validity");
    assert_eq!((source.clock_skew_seconds, source.max_header_bytes), (5, 9000));
    let envoy = source.envoy;
    assert_eq!(envoy.format, XfccFormat::Json);
    assert_eq!((envoy.has_subject, envoy.has_uri, envoy.has_dns), (false, true, false));
    assert_eq!(
        envoy.trusted_proxies,
        [Atom::Spiffe("spiffe://td/gw".into()), Atom::SpiffeUnder("spiffe://td/gws".into())]
    );
    assert_eq!((envoy.bind_connection, envoy.ordered_keys), (Some(false), false));
}

#[test]
fn defaults_of_a_source() {
    let written = corpus::load(Kind::Source, r#"{"preset":"envoy"}"#).unwrap().source;
    let mut absent = corpus::load(Kind::Policy, corpus::LEAST_POLICY).unwrap().source;
    // Only what is written has a place of its own.
    absent.vouching_place = written.vouching_place.clone();
    assert_eq!(written, absent);
    assert_eq!(written.headers, [("cert".into(), "x-forwarded-client-cert".into())]);
    assert_eq!((written.require_verified, written.validity), (true, Validity::WhenKnown));
    assert_eq!((written.clock_skew_seconds, written.max_header_bytes), (60, 65536));
    assert_eq!(written.envoy.format, XfccFormat::Text);
    assert!(written.envoy.has_subject && written.envoy.has_uri && written.envoy.has_dns);
    assert!(written.envoy.trusted_proxies.is_empty() && written.envoy.ordered_keys);
    assert_eq!(written.envoy.bind_connection, None);

    let connection = corpus::load(Kind::Source, r#"{"preset":"connection"}"#).unwrap().source;
    assert_eq!((connection.preset, connection.headers.len()), (Preset::Connection, 0));
    assert!(!connection.verified_by_listener);
    let text = r#"{"preset":"connection","verifiedBy":"listener"}"#;
    assert!(corpus::load(Kind::Source, text).unwrap().source.verified_by_listener);
}

#[test]
fn a_whole_deployment() {
    let text = r#"{"policy":{"version":1,"allow":[]},"source":{"preset":"connection"},
        "identityHeader":"X-Client-Identity","log":"all",
        "responses":{"unauthenticated":404,"forbidden":499}}"#;
    let deployment = corpus::load(Kind::Deployment, text).unwrap();
    assert_eq!(deployment.identity_header.as_deref(), Some("x-client-identity"));
    let responses = Responses { unauthenticated: 404, forbidden: 499, ambiguous: 400 };
    assert_eq!((deployment.responses, deployment.log), (responses, LogMode::All));

    let least = corpus::load(Kind::Deployment, r#"{"policy":{"version":1,"allow":[]}}"#).unwrap();
    assert_eq!((least.responses, least.log), (Responses::DEFAULT, LogMode::Denied));
    assert_eq!((least.identity_header, least.source.preset), (None, Preset::Envoy));
    assert_eq!(least.source.place.full_pointer(), "/source");
}
