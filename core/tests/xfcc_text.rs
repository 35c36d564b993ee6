//! The text form: vectors, Envoy's own bytes, and every rule with its offset.
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

use common::{Parsed, parse_text, reference};
use peergate_core::reason::Detail;
use peergate_core::xfcc::text::{Elements, Event, Reader, Value};
use peergate_core::xfcc::{Key, XfccError};

fn error(input: &[u8]) -> (Detail, usize) {
    match parse_text(input) {
        Err(XfccError { code, offset }) => (code, offset),
        Ok(parsed) => panic!("{:?} was read as {parsed:?}", String::from_utf8_lossy(input)),
    }
}

#[test]
fn vectors() {
    let vectors = common::vectors("xfcc.json");
    let vectors = vectors.as_array().unwrap();
    assert!(vectors.len() >= 45);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let input = common::latin1(vector["header"].as_str().unwrap());
        let got = parse_text(&input);
        let expect = &vector["expect"];
        if let Some(elements) = expect.get("elements") {
            let got = got.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(common::to_json(&got), *elements, "{name}");
        } else if let Some(label) = expect.get("error") {
            let label = label.as_str().unwrap();
            let code = if label == "json" { "unexpected_format" } else { label };
            assert_eq!(got.unwrap_err().code.code(), code, "{name}");
        } else if expect.get("accept").is_some() {
            assert_eq!(got.unwrap_err().code, Detail::UnknownKey, "{name}");
        } else {
            assert_eq!(expect["json"], true, "{name}");
            assert_eq!(got.unwrap_err().code, Detail::UnexpectedFormat, "{name}");
        }
    }
}

/// What Envoy itself wrote is read back as the names of the certificate, or is refused because a
/// name in it cannot be told from the header's own signs.
#[test]
fn captures_of_envoy() {
    let captures = common::vectors("envoy-captures.json");
    let (mut read, mut refused) = (0, 0);
    for capture in captures["captures"].as_array().unwrap() {
        if capture["format"] != "text" {
            continue;
        }
        let name = capture["name"].as_str().unwrap();
        let input = common::base64(capture["xfcc_base64"].as_str().unwrap());
        assert_eq!(parse_text(&input), reference(&input), "{name}");
        let Ok(elements) = parse_text(&input) else {
            refused += 1;
            continue;
        };
        read += 1;
        let Some(certificate) = capture["client_cert"].as_str() else { continue };
        let names = &captures["sans"][certificate];
        let own = elements.last().unwrap();
        let all =
            |key| own.iter().filter(|(k, _, _)| *k == key).map(|(_, v, _)| v.as_str()).collect::<Vec<_>>();
        let wrote_own = capture["mode"].as_str().unwrap().ends_with("SANITIZE_SET");
        let details = capture["details"].as_array().unwrap();
        let hostile = |value: &serde_json::Value| {
            value.as_str().is_none_or(|name| name.contains([',', ';']) || !name.is_ascii())
        };
        let dns = names["dns"].as_array().unwrap();
        if wrote_own && details.contains(&"dns".into()) && !dns.iter().any(hostile) {
            let uris = names["uri"].as_array().unwrap();
            if !uris.iter().any(hostile) {
                assert_eq!(
                    all(Key::Dns),
                    dns.iter().map(|v| v.as_str().unwrap()).collect::<Vec<_>>(),
                    "{name}"
                );
            }
        }
    }
    assert!(read >= 60, "{read} captures were read");
    assert!(refused >= 10, "{refused} captures were refused");
}

#[test]
fn each_rule_shows_at_its_byte() {
    use Detail::*;
    let table: &[(&[u8], Detail, usize)] = &[
        // The other forms.
        (b"{", UnexpectedFormat, 0),
        (b"[]", UnexpectedFormat, 0),
        (b"[nonsense", UnexpectedFormat, 0),
        (b"{\"Hash\":\"00\"},By=a", UnexpectedFormat, 0),
        (b"MIIBxTCCAWqgAwIBAgIUfhT6gFqk65ObDE0eA0zLzMtSgQEwCgYIKoZIzj0EAwIw==", UnexpectedFormat, 0),
        (b"MII", UnexpectedFormat, 0),
        (b"MIC=a", UnknownKey, 0),
        // Whitespace at either end.
        (b" ", SpaceInValue, 0),
        (b"\t", ControlByte, 0),
        (b" By=a", SpaceInValue, 0),
        (b"\tBy=a", ControlByte, 0),
        (b"By=a ", SpaceInValue, 4),
        (b"By=a\t", ControlByte, 4),
        (b"By=a  \t ", SpaceInValue, 4),
        (b"By=\"a\" ", SpaceInValue, 6),
        (b"By=a, ", SpaceInValue, 5),
        (b"By=a,\t", ControlByte, 5),
        // Elements.
        (b",", EmptyElement, 0),
        (b", ,", EmptyElement, 0),
        (b",By=a", EmptyElement, 0),
        (b"By=a,", EmptyElement, 5),
        (b"By=a,,By=b", EmptyElement, 5),
        (b"By=a, ,By=b", EmptyElement, 6),
        (b"By=a \t, \t ,By=b", EmptyElement, 10),
        // Pairs.
        (b";", EmptyPair, 0),
        (b";By=a", EmptyPair, 0),
        (b"By=a;", EmptyPair, 5),
        (b"By=a;;URI=b", EmptyPair, 5),
        (b"By=a;,By=b", EmptyPair, 5),
        (b"By=a,;By=b", EmptyPair, 5),
        (b"Hash", MissingEquals, 4),
        (b"Hash;URI=a", MissingEquals, 4),
        (b"Hash,URI=a", MissingEquals, 4),
        (b"By=a;junk", MissingEquals, 9),
        (b"junk xfcc header", MissingEquals, 4),
        (b"Hash\"", MissingEquals, 4),
        (b"1", MissingEquals, 0),
        // Keys.
        (b"=a", EmptyKey, 0),
        (b"By=a;=b", EmptyKey, 5),
        (b"=", EmptyKey, 0),
        (b"B1=a", BadKey, 1),
        (b"1By=a", BadKey, 0),
        (b"By-=a", BadKey, 2),
        (b"\"By\"=a", BadKey, 0),
        (b"By\\=a", BadKey, 2),
        (b"X=a", UnknownKey, 0),
        (b"By=a;SAN=b", UnknownKey, 5),
        (b"SubjectSubject=b", UnknownKey, 0),
        (b"aHash=b", UnknownKey, 0),
        (b"Hashh=b", UnknownKey, 0),
        (b"By=a; URI=b", SpaceInValue, 5),
        (b"By=a;\tURI=b", ControlByte, 5),
        (b"By=a; ", SpaceInValue, 5),
        (b"URI =b", SpaceInValue, 3),
        (b"Hash=a;hash=b", DuplicateKey, 7),
        (b"Cert=\"\";CERT=\"\"", DuplicateKey, 8),
        (b"Chain=a;URI=b;cHAIN=", DuplicateKey, 14),
        (b"Subject=\"\";Subject=\"\"", DuplicateKey, 11),
        // Bare values.
        (b"URI=a\"", QuoteInBareValue, 5),
        (b"URI=a\"b\"", QuoteInBareValue, 5),
        (b"DNS=a\";Hash=b;URI=\";Hash=c", QuoteInBareValue, 5),
        (b"URI=a b", SpaceInValue, 5),
        (b"URI= a", SpaceInValue, 4),
        (b"URI=a ;DNS=b", SpaceInValue, 5),
        (b"URI=a \t b,By=c", SpaceInValue, 5),
        (b"URI=a\t b", ControlByte, 5),
        (b"URI=a\nb", ControlByte, 5),
        (b"URI=a\0", ControlByte, 5),
        (b"URI=a\x7f", ControlByte, 5),
        (b"URI=a\xe4", NonAsciiByte, 5),
        ("URI=ä".as_bytes(), NonAsciiByte, 4),
        (b"URI=\x80;URI=\xff", NonAsciiByte, 4),
        // Quoted values.
        (b"URI=\"", UnclosedQuote, 4),
        (b"By=test;URI=\"abc;DNS=example.com", UnclosedQuote, 12),
        (b"URI=\"a\\\"", UnclosedQuote, 4),
        (b"URI=\"a\\", UnclosedQuote, 4),
        (b"URI=\"\\\\\\\"", UnclosedQuote, 4),
        (b"URI=\"a\"b", TextAfterQuote, 7),
        (b"URI=\"a\"\"b\"", TextAfterQuote, 7),
        (b"URI=\"\"=", TextAfterQuote, 6),
        (b"URI=\"a\" b", SpaceInValue, 7),
        (b"URI=\"a\" ;DNS=b", SpaceInValue, 7),
        (b"URI=\"a\"\x01", ControlByte, 7),
        (b"URI=\"a\"\x80", NonAsciiByte, 7),
        (b"URI=\"a\tb\"", ControlByte, 6),
        (b"URI=\"a\\\tb\"", ControlByte, 7),
        (b"URI=\"a\\\x7fb\"", ControlByte, 7),
        (b"URI=\"a\\\x80b\"", NonAsciiByte, 7),
        (b"URI=\"a\xc3\xa4\"", NonAsciiByte, 6),
        (b"Subject=\"O=\xe4", NonAsciiByte, 11),
        // Bytes in keys.
        (b"B\x01y=a", ControlByte, 1),
        (b"\x80", NonAsciiByte, 0),
        ("By=a;ä=b".as_bytes(), NonAsciiByte, 5),
        (b"By=a,\xff", NonAsciiByte, 5),
    ];
    for (input, code, offset) in table {
        assert_eq!(error(input), (*code, *offset), "{:?}", String::from_utf8_lossy(input));
        assert_eq!(reference(input).unwrap_err(), XfccError { code: *code, offset: *offset }, "reference");
    }
}

type Pairs<'a> = &'a [(Key, &'a str, bool)];

fn parsed(elements: &[Pairs<'_>]) -> Parsed {
    let pair = |(key, value, quoted): &(Key, &str, bool)| (*key, String::from(*value), *quoted);
    elements.iter().map(|element| element.iter().map(pair).collect()).collect()
}

#[test]
fn what_is_legal() {
    use Key::*;
    let table: &[(&[u8], &[Pairs<'_>])] = &[
        (b"", &[]),
        (b"URI=", &[&[(Uri, "", false)]]),
        (b"Subject=\"\"", &[&[(Subject, "", true)]]),
        (b"uri=A;HASH=b;bY=c", &[&[(Uri, "A", false), (Hash, "b", false), (By, "c", false)]]),
        (b"By= ,URI=a", &[&[(By, "", false)], &[(Uri, "a", false)]]),
        (b"By=a\t ,\t By=b", &[&[(By, "a", false)], &[(By, "b", false)]]),
        (b"By=\"a\" , By=b", &[&[(By, "a", true)], &[(By, "b", false)]]),
        (b"URI=a=b==;DNS=\\\\x", &[&[(Uri, "a=b==", false), (Dns, "\\\\x", false)]]),
        (b"URI=\" a,;=\\\"\\, \"", &[&[(Uri, " a,;=\\\"\\, ", true)]]),
        (b"Subject=\"O=dir\\\\\";URI=a", &[&[(Subject, "O=dir\\\\", true), (Uri, "a", false)]]),
        (b"Hash=a,Hash=b", &[&[(Hash, "a", false)], &[(Hash, "b", false)]]),
        (b"URI={;DNS=[", &[&[(Uri, "{", false), (Dns, "[", false)]]),
        (b"URI=!~;URI=~!", &[&[(Uri, "!~", false), (Uri, "~!", false)]]),
    ];
    for (input, elements) in table {
        let text = String::from_utf8_lossy(input);
        assert_eq!(parse_text(input).unwrap(), parsed(elements), "{text}");
        assert_eq!(reference(input).unwrap(), parsed(elements), "reference: {text}");
    }
}

#[test]
fn every_byte_in_every_place() {
    for byte in 0..=u8::MAX {
        for (before, after) in [
            (&b""[..], &b""[..]),
            (b"", b"By=a"),
            (b"B", b"y=a"),
            (b"By", b"=a"),
            (b"By=", b"a"),
            (b"By=a", b"a"),
            (b"By=a", b""),
            (b"By=a", b",By=b"),
            (b"By=a", b";By=b"),
            (b"By=a,", b"By=b"),
            (b"By=a;", b"By=b"),
            (b"By=\"", b"\""),
            (b"By=\"\\", b"\""),
            (b"By=\"a\"", b",By=b"),
            (b"By=\"a\"", b""),
            (b"By=a,", b""),
        ] {
            let input = [before, &[byte], after].concat();
            assert_eq!(parse_text(&input), reference(&input), "{:?}", String::from_utf8_lossy(&input));
        }
    }
}

#[test]
fn nothing_comes_after_an_error_or_the_end() {
    for input in [&b"By=a;;By=b,By=c"[..], b"By=a", b"", b"["] {
        let mut reader = Reader::new(input);
        while let Some(Ok(_)) = reader.next() {}
        assert_eq!(reader.next(), None);
        assert_eq!(reader.next(), None);
        let mut elements = Elements::new(input);
        while let Some(Ok(_)) = elements.next() {}
        assert_eq!(elements.next(), None);
    }
}

#[test]
fn an_error_after_an_element_comes_after_its_end() {
    let events: Vec<_> = Reader::new(b"By=a,").collect();
    let value = Value { raw: "a", quoted: false };
    let error = XfccError { code: Detail::EmptyElement, offset: 5 };
    assert_eq!(events, [Ok(Event::Pair(Key::By, value)), Ok(Event::ElementEnd), Err(error)]);
}

#[test]
fn unquoting() {
    let unquoted = |raw: &'static str| Value { raw, quoted: true }.unquoted();
    for (raw, value) in [
        ("plain", "plain"),
        ("", ""),
        (r#"a\"b"#, r#"a"b"#),
        (r"\\", r"\"),
        (r#"\\\""#, r#"\""#),
        (r"O=Acme\, Inc.", r"O=Acme\, Inc."),
        (r"\E4\\\,", r"\E4\\,"),
        (r"\\,", r"\,"),
    ] {
        assert_eq!(unquoted(raw), value, "{raw}");
    }
    assert!(matches!(unquoted(r"\E4\,"), std::borrow::Cow::Borrowed(_)));
    let bare = Value { raw: r"\\", quoted: false };
    assert_eq!(bare.unquoted(), r"\\");
}

#[test]
fn elements() {
    let input = br#"By=p , URI=;By=a;By="b\"";Hash=h;DNS=d;URI=u;DNS=e;Subject="s";Cert="c";Chain="n""#;
    let all: Vec<_> = Elements::new(input).map(Result::unwrap).collect();
    let [first, second] = all.as_slice() else { panic!("two elements") };
    assert_eq!(first.text, "By=p");
    assert_eq!(
        (first.by.count, first.uri.count, first.dns.count, first.pairs, first.ordered),
        (1, 0, 0, 1, true)
    );
    assert_eq!(first.hash, None);
    assert_eq!(first.uri.first, None);
    assert!(second.text.starts_with("URI=;By=a") && second.text.ends_with("Chain=\"n\""));
    assert_eq!(
        (second.by.count, second.uri.count, second.dns.count, second.pairs, second.ordered),
        (2, 2, 2, 10, false)
    );
    let raw = |key| second.values(key).map(|value| value.raw).collect::<Vec<_>>();
    assert_eq!(raw(Key::By), ["a", "b\\\""]);
    assert_eq!(raw(Key::Uri), ["", "u"]);
    assert_eq!(raw(Key::Dns), ["d", "e"]);
    assert_eq!(raw(Key::Hash), ["h"]);
    assert_eq!(raw(Key::Subject), ["s"]);
    assert_eq!(raw(Key::Cert), ["c"]);
    assert_eq!(raw(Key::Chain), ["n"]);
    assert_eq!(second.uri.first.unwrap().raw, "");
    assert_eq!(second.by.first.unwrap().raw, "a");
    assert_eq!(second.dns.first.unwrap().raw, "d");
    assert_eq!(second.hash.unwrap().raw, "h");
    let keys: Vec<_> = second.pairs().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["URI", "By", "By", "Hash", "DNS", "URI", "DNS", "Subject", "Cert", "Chain"]);
}

#[test]
fn envoys_order() {
    for (input, ordered) in [
        ("By=a;By=b;Hash=c;Cert=d;Chain=e;Subject=f;URI=g;URI=h;DNS=i;DNS=j", true),
        ("Hash=c;DNS=i", true),
        ("DNS=i", true),
        ("Hash=c;By=a", false),
        ("URI=a;DNS=b;URI=c", false),
        ("Chain=a;Cert=b", false),
    ] {
        let element = Elements::new(input.as_bytes()).next().unwrap().unwrap();
        assert_eq!(element.ordered, ordered, "{input}");
        assert_eq!(element.text, input);
    }
}

#[test]
fn counts_are_no_business_of_the_grammar() {
    let elements = vec!["By=a"; 10_000].join(",");
    assert_eq!(Elements::new(elements.as_bytes()).filter(Result::is_ok).count(), 10_000);
    let pairs = vec!["URI=a"; 10_000].join(";");
    let element = Elements::new(pairs.as_bytes()).next().unwrap().unwrap();
    assert_eq!(
        (element.pairs, element.uri.count, element.values(Key::Uri).count()),
        (10_000, 10_000, 10_000)
    );
}
