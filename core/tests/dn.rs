//! Distinguished names: RFC 4514's own examples, what OpenSSL and Envoy print, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod common;

use std::borrow::Cow;

use peergate_core::dn::{AttributeType, NameError, NameText};
use peergate_core::limits::HostLimits;
use peergate_core::xfcc::text::Elements;
use peergate_core::{Documents, Gate, Header, Reason, Request};

const CN: &str = "2.5.4.3";
const OU: &str = "2.5.4.11";
const O: &str = "2.5.4.10";
const C: &str = "2.5.4.6";
const DC: &str = "0.9.2342.19200300.100.1.25";
const UID: &str = "0.9.2342.19200300.100.1.1";
const EMAIL: &str = "1.2.840.113549.1.9.1";

/// OID, value, whether it starts an RDN.
fn attributes(text: &str) -> Vec<(String, String, bool)> {
    let name = NameText::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    assert_eq!(name.as_str(), text);
    name.attributes().map(|a| (a.ty.oid().to_owned(), a.value.into_owned(), a.starts_rdn)).collect()
}

fn is(text: &str, expected: &[(&str, &str, bool)]) {
    let expected: Vec<_> =
        expected.iter().map(|(oid, value, first)| ((*oid).to_owned(), (*value).to_owned(), *first)).collect();
    assert_eq!(attributes(text), expected, "{text}");
}

fn canonical(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    NameText::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e:?}")).write_canonical(&mut out);
    out
}

#[test]
fn examples_of_rfc_4514() {
    is("", &[]);
    is("UID=jsmith,DC=example,DC=net", &[(UID, "jsmith", true), (DC, "example", true), (DC, "net", true)]);
    is(
        "OU=Sales+CN=J.  Smith,DC=example,DC=net",
        &[(OU, "Sales", true), (CN, "J.  Smith", false), (DC, "example", true), (DC, "net", true)],
    );
    is(
        r#"CN=James \"Jim\" Smith\, III,DC=example,DC=net"#,
        &[(CN, r#"James "Jim" Smith, III"#, true), (DC, "example", true), (DC, "net", true)],
    );
    is(r"CN=Before\0dAfter,DC=example", &[(CN, "Before\rAfter", true), (DC, "example", true)]);
    is(r"CN=Lu\C4\8Di\C4\87", &[(CN, "Lučić", true)]);
}

#[test]
fn what_printers_print() {
    is(
        "CN=client-a,OU=Payments,O=XFCC Lab,C=US",
        &[(CN, "client-a", true), (OU, "Payments", true), (O, "XFCC Lab", true), (C, "US", true)],
    );
    is(r"O=Acme\, Inc.", &[(O, "Acme, Inc.", true)]);
    is(r#"CN=a\"\;Cert=forged\;X=\"b\\"#, &[(CN, r#"a";Cert=forged;X="b\"#, true)]);
    is(r"CN=\E4\BD\A0 # x\ ", &[(CN, "你 # x ", true)]);
    is(r"CN=\ a\ ", &[(CN, " a ", true)]);
    is(r"CN=\#a", &[(CN, "#a", true)]);
    is(r"CN=\+\<\>\=", &[(CN, "+<>=", true)]);
    is("CN=a=b/c", &[(CN, "a=b/c", true)]);
    is(r"CN=\00\0A\7F", &[(CN, "\0\n\x7f", true)]);
    is("CN=,O=", &[(CN, "", true), (O, "", true)]);
    is(
        "emailAddress=a@b,serialNumber=1,street=s",
        &[(EMAIL, "a@b", true), ("2.5.4.5", "1", true), ("2.5.4.9", "s", true)],
    );
    is("1.3.6.1.4.1.99999.1=#0C03616263", &[("1.3.6.1.4.1.99999.1", "abc", true)]);
    is("2.5.4.3=a", &[(CN, "a", true)]);
    is(
        "businessCategory=a,jurisdictionC=US",
        &[("2.5.4.15", "a", true), ("1.3.6.1.4.1.311.60.2.1.3", "US", true)],
    );
}

#[test]
fn keywords_are_compared_without_case() {
    for keyword in ["cn", "Cn", "CN", "2.5.4.3"] {
        is(&format!("{keyword}=A"), &[(CN, "A", true)]);
    }
    for keyword in ["EMAILADDRESS", "emailaddress", "SERIALNUMBER", "Street", "uid", "dc", "st", "l"] {
        assert_eq!(attributes(&format!("{keyword}=x")).len(), 1);
    }
}

#[test]
fn every_attribute_of_envoys_captures_is_read() {
    let captures = common::vectors("envoy-captures.json");
    let mut names = 0;
    for capture in captures["captures"].as_array().unwrap() {
        let Some(header) = capture["xfcc"].as_str().filter(|_| capture["format"] == "text") else { continue };
        for element in Elements::new(header.as_bytes()).map_while(Result::ok) {
            let Some(subject) = element.subject else { continue };
            // Clients of the forward modes send the old one-line form of Envoy's documentation.
            if subject.raw.starts_with('/') {
                continue;
            }
            let name = NameText::parse(subject.raw.as_bytes());
            let name = name.unwrap_or_else(|error| panic!("{}: {error:?}", capture["name"]));
            assert!(name.attributes().all(|attribute| attribute.is_text));
            names += 1;
        }
    }
    assert!(names > 40, "{names} names");
}

#[test]
fn hexadecimal_values() {
    let value = |text: &str| {
        let name = NameText::parse(text.as_bytes()).unwrap();
        let attribute = name.attributes().next().unwrap();
        (attribute.value.into_owned(), attribute.is_text)
    };
    // UTF8String, PrintableString, IA5String.
    assert_eq!(value("CN=#0C02C3B6"), ("ö".to_owned(), true));
    assert_eq!(value("CN=#130141"), ("A".to_owned(), true));
    assert_eq!(value("CN=#16012a"), ("*".to_owned(), true));
    assert_eq!(value("CN=#0C00"), (String::new(), true));
    assert_eq!(value(&format!("CN=#0C8180{}", "41".repeat(128))), ("A".repeat(128), true));
    assert_eq!(value(&format!("CN=#0C820100{}", "41".repeat(256))), ("A".repeat(256), true));
    // A character that the type has not; other types.
    for other in ["#13012A", "#160180", "#0C01FF", "#1E020041", "#0500", "#04", "#30030C0141", "#FF"] {
        assert_eq!(value(&format!("CN={other}")), (other.to_lowercase(), false), "{other}");
    }
    // One of the three types, but not one strict value.
    for broken in ["#0C", "#0C02", "#0C0241", "#0C014142", "#0C810141", "#0C8041", "#0C82007F41", "#13820041"]
    {
        assert_eq!(
            NameText::parse(format!("CN={broken}").as_bytes()),
            Err(NameError { offset: 3 }),
            "{broken}"
        );
    }
}

#[test]
fn what_is_wrong_shows_at_its_byte() {
    let table: &[(&[u8], usize)] = &[
        (b"/C=US/ST=CA/CN=a", 0),
        (b" ", 0),
        (b" CN=a", 0),
        (b"CN", 2),
        (b"CN a", 2),
        (b"CN =a", 2),
        (b"=a", 0),
        (b",", 0),
        (b"CN=a,", 5),
        (b"CN=a+", 5),
        (b"CN=a,,O=b", 5),
        (b"CN=a, O=b", 5),
        (b"CN=a ,O=b", 4),
        (b"CN=a  ", 4),
        (b"CN= a", 3),
        (b"CN= ", 3),
        (b"CN=\\  ", 5),
        (b"XX=a", 0),
        (b"CN=a,XX=b", 5),
        (b"CN.1=a", 0),
        (b"OID.2.5.4.3=a", 0),
        (b"CN=a;O=b", 4),
        (b"CN=\"a\"", 3),
        (b"CN=a\"", 4),
        (b"CN=a<b", 4),
        (b"CN=a>b", 4),
        (b"CN=a\0", 4),
        (b"CN=a\\", 4),
        (b"CN=a\\x", 4),
        (b"CN=a\\4", 4),
        (b"CN=a\\4g", 4),
        (b"CN=a\\/b", 4),
        (b"CN=\\80", 3),
        (b"CN=a\\C3", 4),
        (b"CN=a\\C3\\", 4),
        (b"CN=a\\C3x", 4),
        (b"CN=a\\C3\\,", 4),
        (b"CN=a\\C3\\41", 4),
        (b"CN=\\C0\\80", 3),
        (b"CN=\\ED\\A0\\80", 3),
        (b"CN=\\F4\\90\\80\\80", 3),
        (b"CN=\\FF", 3),
        (b"CN=\xff", 3),
        (b"CN=a\\C3\xb6", 4),
        (b"CN=\xc3", 3),
        (b"XX=\xc3", 0),
        (b"CN=#", 4),
        (b"CN=#0", 5),
        (b"CN=#0C0", 7),
        (b"CN=#0g", 5),
        (b"CN=#0C01 41", 3),
        (b"CN=#0C0141x", 10),
        (b"CN=#0C0141 ", 10),
        // OIDs that have a second spelling, or none.
        (b"2=a", 0),
        (b"2.=a", 0),
        (b".2.5=a", 0),
        (b"2..5=a", 0),
        (b"2.05=a", 0),
        (b"02.5=a", 0),
        (b"3.1=a", 0),
        (b"1.40=a", 0),
        (b"0.040=a", 0),
        (b"2.5.4.03=a", 0),
        (b"2.5.4.3a=a", 0),
        (b"2.5.4.-3=a", 0),
    ];
    for (text, offset) in table {
        let name = NameText::parse(text);
        assert_eq!(name, Err(NameError { offset: *offset }), "{:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn raw_unicode_is_legal() {
    is("CN=Zoë,O=你", &[(CN, "Zoë", true), (O, "你", true)]);
    assert_eq!(canonical("CN=Zoë"), canonical(r"cn=Zo\C3\AB"));
}

#[test]
fn allocates_only_where_it_must() {
    let name = NameText::parse(br"CN=plain,O=esc\,aped").unwrap();
    let borrowed: Vec<_> = name.attributes().map(|a| matches!(a.value, Cow::Borrowed(_))).collect();
    assert_eq!(borrowed, [true, false]);
}

#[test]
fn equal_names_have_one_canonical_form() {
    for (one, other) in [
        ("CN=a,O=b", "cn=a,o=b"),
        ("CN=a", "2.5.4.3=a"),
        (r"CN=a\,b", r"CN=a\2Cb"),
        (r"CN=\41", "CN=A"),
        ("CN=#0C0141", "CN=A"),
        ("CN=#130141", "CN=#0c0141"),
        ("CN=a+O=b", "O=b+CN=a"),
        ("CN=a+O=b+OU=c,C=d", "OU=c+CN=a+O=b,C=d"),
        ("CN=#0500", "CN=#0500"),
        ("CN=#04ff", "CN=#04FF"),
    ] {
        assert_eq!(canonical(one), canonical(other), "{one} | {other}");
    }
}

#[test]
fn different_names_have_different_canonical_forms() {
    let names = [
        "",
        "CN=",
        "CN=a",
        "CN=A",
        "O=a",
        "CN=a,O=b",
        "O=b,CN=a",
        "CN=a+O=b",
        r"CN=a\,O\=b",
        r"CN=a\+O=b",
        "CN=a,CN=b",
        "CN=b,CN=a",
        "CN=ab",
        "CN=a+CN=a",
        "CN=a+CN=a+CN=a",
        r"CN=a\00",
        r"CN=a\00b",
        r"CN=a\ ",
        "CN=a b",
        "CN=a  b",
        r"CN=\#0500",
        "CN=#0500",
        "CN=a+O=b,OU=c",
        "CN=a,O=b+OU=c",
        "CN=a+O=b+OU=c",
    ];
    for (index, one) in names.iter().enumerate() {
        for other in &names[index + 1..] {
            assert_ne!(canonical(one), canonical(other), "{one} | {other}");
        }
    }
}

#[test]
fn types_of_policies() {
    for (key, oid) in [
        ("cn", CN),
        ("ou", OU),
        ("o", O),
        ("c", C),
        ("l", "2.5.4.7"),
        ("st", "2.5.4.8"),
        ("dc", DC),
        ("uid", UID),
        ("serialNumber", "2.5.4.5"),
        ("emailAddress", EMAIL),
    ] {
        assert_eq!(AttributeType::parse(key).unwrap().oid(), oid);
        assert_eq!(AttributeType::policy_name(oid), Some(key));
        assert_eq!(AttributeType::parse(oid).unwrap().oid(), oid);
    }
    assert_eq!(AttributeType::policy_name("2.5.4.9"), None);
    assert!(AttributeType::parse("cn").unwrap().is_common_name());
    assert!(!AttributeType::parse("o").unwrap().is_common_name());
    for other in ["CN", "Cn", "street", "title", "serialnumber", "", " cn", "2.5.4.03", "1", "x.y"] {
        assert_eq!(AttributeType::parse(other), None, "{other}");
    }
    assert_eq!(AttributeType::parse("2.999.1").unwrap().oid(), "2.999.1");
}

/// A certificate of bytes that are no text does not pass for one whose text is spelled like them.
#[test]
fn hexadecimal_values_are_no_text_to_a_policy() {
    let decide = |value: &str, subject: &str| {
        let policy = format!(
            r#"{{"version": 1, "allow": [{{"name": "r", "from": [{{"subject": {{"{value}": "\u0023040161"}}}}]}}]}}"#
        );
        let documents = Documents::Parts { policy: policy.as_bytes(), source: None };
        let gate = Gate::load(documents, HostLimits::NATIVE).unwrap_or_else(|errors| panic!("{errors:?}"));
        let header = format!("Hash={};Subject=\"{subject}\";URI=", "0".repeat(64));
        let headers: &[Header<'_>] = &[(b"x-forwarded-client-cert", header.as_bytes())];
        let request = Request { method: b"GET", target: b"/", headers, connection: None, now: None };
        gate.decide(&request).reason
    };
    assert_eq!(decide("1.2.3", r"1.2.3=\#040161"), Reason::Allowed);
    assert_eq!(decide("1.2.3", "1.2.3=#040161"), Reason::NoRule);
    assert_eq!(decide("cn", r"CN=\#040161"), Reason::Allowed);
    assert_eq!(decide("cn", "CN=#040161"), Reason::NoRule);
}
