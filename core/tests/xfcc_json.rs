//! The JSON form: Envoy's own bytes, and every rule with its offset.
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

use peergate_core::limits::XFCC_ELEMENTS;
use peergate_core::reason::Detail::{self, *};
use peergate_core::xfcc::json::{Element, parse};

fn error(input: &[u8]) -> (Detail, usize) {
    match parse(input) {
        Err(error) => (error.code, error.offset),
        Ok(elements) => panic!("{:?} was read as {elements:?}", String::from_utf8_lossy(input)),
    }
}

fn owned(values: &[Cow<'_, str>]) -> Vec<String> {
    values.iter().map(|value| value.to_string()).collect()
}

/// What Envoy wrote is read back as the true names of the certificate; a name that the alphabet of
/// the text form does not hold is refused.
#[test]
fn captures_of_envoy() {
    let captures = common::vectors("envoy-captures.json");
    let (mut read, mut refused) = (0, 0);
    for capture in captures["captures"].as_array().unwrap() {
        let name = capture["name"].as_str().unwrap();
        let Some(encoded) = capture["xfcc_base64"].as_str() else { continue };
        let input = common::base64(encoded);
        if capture["format"] != "json" {
            let (code, offset) = error(&input);
            assert_eq!((code, offset), (UnexpectedFormat, 0), "{name}");
            continue;
        }
        let elements = match parse(&input) {
            Ok(elements) => elements,
            Err(_) => {
                refused += 1;
                continue;
            }
        };
        // What an independent parser sees, key by key.
        let seen: serde_json::Value = serde_json::from_slice(&input).unwrap();
        let seen = seen.as_array().unwrap();
        assert_eq!(seen.len(), elements.len(), "{name}");
        for (seen, element) in seen.iter().zip(&elements) {
            let list = |key: &str| -> Vec<String> {
                let values = seen.get(key).and_then(|v| v.as_array());
                values.into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect()
            };
            let one = |key: &str| seen.get(key).map(|v| v.as_str().unwrap());
            assert_eq!(owned(&element.by), list("by"), "{name}");
            assert_eq!(owned(&element.uri), list("uri"), "{name}");
            assert_eq!(owned(&element.dns), list("dns"), "{name}");
            assert_eq!(owned(&element.chain), list("chain"), "{name}");
            assert_eq!(element.hash.as_deref(), one("hash"), "{name}");
            assert_eq!(element.cert.as_deref(), one("cert"), "{name}");
            assert_eq!(element.subject.as_deref(), one("subject"), "{name}");
        }
        read += 1;
        let last = elements.last().unwrap();
        let Some(certificate) = capture["client_cert"].as_str() else { continue };
        if capture["mode"] == "SANITIZE_SET" && capture["details"].as_array().unwrap().contains(&"dns".into())
        {
            let names = &captures["sans"][certificate];
            let list = |key: &str| -> Vec<String> {
                names[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
            };
            assert_eq!(owned(&last.uri), list("uri"), "{name}");
            assert_eq!(owned(&last.dns), list("dns"), "{name}");
        }
    }
    assert!(read >= 10, "{read} captures were read");
    assert!(refused >= 3, "{refused} captures were refused");
}

#[test]
fn each_rule_shows_at_its_byte() {
    let table: &[(&[u8], Detail, usize)] = &[
        // Other forms and whitespace at the ends.
        (b"{}", UnexpectedFormat, 0),
        (b"{\"URI\":\"a\",\"uri\":\"b\"}", UnexpectedFormat, 0),
        (b"By=a", UnexpectedFormat, 0),
        (b"MIIBxTCC", UnexpectedFormat, 0),
        (b"\"[]\"", UnexpectedFormat, 0),
        (b",[]", UnexpectedFormat, 0),
        (b" []", SpaceInValue, 0),
        (b" ", SpaceInValue, 0),
        (b"\t[]", ControlByte, 0),
        (b"\xef\xbb\xbf[]", NonAsciiByte, 0),
        (b"[] ", SpaceInValue, 2),
        (b"[{}]   ", SpaceInValue, 4),
        (b"[]\t", ControlByte, 2),
        (b"[\n]", ControlByte, 1),
        // Bytes.
        (b"[{\"uri\":[\"a\x01\"]}]", ControlByte, 11),
        (b"[{\"uri\":[\"a\x7f\"]}]", ControlByte, 11),
        ("[{\"uri\":[\"ä\"]}]".as_bytes(), NonAsciiByte, 10),
        (b"[{\"uri\":[\"\xff\"]}]", NonAsciiByte, 10),
        (br#"[{"uri":["a","b\u0000"]}]"#, ControlByte, 13),
        (br#"[{"uri":["a\n"]}]"#, ControlByte, 9),
        (br#"[{"dns":["a\t"]}]"#, ControlByte, 9),
        (br#"[{"subject":"CN=\u007f"}]"#, ControlByte, 12),
        (br#"[{"hash":"\u00e9"}]"#, NonAsciiByte, 9),
        (br#"[{"by":["\ud83d\ude00"]}]"#, NonAsciiByte, 8),
        (br#"[{"cert":"a\r\n"}]"#, ControlByte, 9),
        (br#"[{"chain":["a\u00ff"]}]"#, NonAsciiByte, 11),
        // Keys.
        (br#"[{"URI":["a"]}]"#, UnknownKey, 2),
        (br#"[{"":1}]"#, UnknownKey, 2),
        (br#"[{"by":["a"],"san":[]}]"#, UnknownKey, 13),
        (br#"[{"hash":"a","hash":"a"}]"#, DuplicateKey, 13),
        (br#"[{"uri":[],"dns":[],"\u0075ri":[]}]"#, DuplicateKey, 20),
        (br#"[{"by":[],"by":[]}]"#, DuplicateKey, 10),
        // Shapes.
        (br#"[{"uri":"a"}]"#, BadJson, 8),
        (br#"[{"hash":["a"]}]"#, BadJson, 9),
        (br#"[{"hash":null}]"#, BadJson, 9),
        (br#"[{"hash":1}]"#, BadJson, 9),
        (br#"[{"uri":[1]}]"#, BadJson, 9),
        (br#"[{"uri":["a",["b"]]}]"#, BadJson, 13),
        (br#"[{"subject":"\ud800"}]"#, BadJson, 12),
        (br#"[{"subject":"\x"}]"#, BadJson, 14),
        // Not JSON.
        (b"[", BadJson, 0),
        (b"[{", BadJson, 1),
        (b"[]]", BadJson, 2),
        (b"[][]", BadJson, 2),
        (b"[],By=a", BadJson, 2),
        (b"[{}", BadJson, 2),
        (b"[{},]", BadJson, 4),
        (b"[,{}]", BadJson, 1),
        (b"[nonsense,{}]", BadJson, 2),
        (b"[{uri:[]}]", BadJson, 2),
        (br#"[{"uri":[],}]"#, BadJson, 11),
        (br#"[{"uri" []}]"#, BadJson, 8),
        (br#"[{"uri":["a]}]"#, BadJson, 13),
        (br#"[{'uri':[]}]"#, BadJson, 2),
        (br#"[{}{}]"#, BadJson, 3),
        (br#"[[]]"#, BadJson, 1),
        (br#"[1]"#, BadJson, 1),
        (br#"["By=a"]"#, BadJson, 1),
        (br#"[null]"#, BadJson, 1),
    ];
    let mut wrong = Vec::new();
    for (input, code, offset) in table {
        let got = error(input);
        if got != (*code, *offset) {
            wrong.push(format!("{}: {got:?}, not {:?}", String::from_utf8_lossy(input), (code, offset)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_legal() {
    assert_eq!(parse(b"").unwrap(), []);
    assert_eq!(parse(b"[]").unwrap(), []);
    assert_eq!(parse(b"[ ]").unwrap(), []);
    assert_eq!(parse(b"[{}]").unwrap(), [Element::default()]);
    let input = br#"[ { "by" : [ "p" ] , "hash":"h","cert":"-----BEGIN\nx\n","chain":["a\nb","c"],"subject":"CN=a\\,b\"","uri":["",",;= \u0041\/"],"dns":[]} , {"hash":""} ]"#;
    let elements = parse(input).unwrap();
    let [first, second] = elements.as_slice() else { panic!("two elements") };
    assert_eq!(first.by, ["p"]);
    assert_eq!(first.hash.as_deref(), Some("h"));
    assert_eq!(first.cert.as_deref(), Some("-----BEGIN\nx\n"));
    assert_eq!(first.chain, ["a\nb", "c"]);
    assert_eq!(first.subject.as_deref(), Some("CN=a\\,b\""));
    assert_eq!(first.uri, ["", ",;= A/"]);
    assert!(first.dns.is_empty());
    assert_eq!(second.hash.as_deref(), Some(""));
    assert!(matches!(first.by[0], Cow::Borrowed(_)), "a string without escapes is borrowed");
}

/// Nesting as deep as a header can hold it neither overflows a stack nor is read.
#[test]
fn depth() {
    for open in [&b"["[..], b"[{\"uri\":", b"[{\"hash\":"] {
        for fill in ["[", "{\"a\":"] {
            let mut input = open.to_vec();
            while input.len() < 64 * 1024 {
                input.extend_from_slice(fill.as_bytes());
            }
            assert!(matches!(error(&input).0, BadJson | UnknownKey));
        }
    }
    let nested = format!("[{{\"uri\":[{}{}]}}]", "[".repeat(30_000), "]".repeat(30_000));
    assert_eq!(error(nested.as_bytes()), (BadJson, 9));
}

#[test]
fn more_elements_than_are_wanted() {
    for (count, returned) in
        [(XFCC_ELEMENTS, XFCC_ELEMENTS), (XFCC_ELEMENTS + 1, XFCC_ELEMENTS + 1), (20_000, XFCC_ELEMENTS + 1)]
    {
        let input = format!("[{}]", vec!["{}"; count].join(","));
        assert_eq!(parse(input.as_bytes()).unwrap().len(), returned);
        let broken = format!("[{},]", vec!["{}"; count].join(","));
        assert_eq!(error(broken.as_bytes()).0, BadJson, "all elements are read");
    }
}
