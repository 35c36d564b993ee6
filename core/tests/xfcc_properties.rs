//! Properties of the XFCC readers over random, hostile and generated values.
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

use common::forms::{KEYS, check_json, check_text, write_elements};
use common::{Parsed, parse_text};
use peergate_core::xfcc::{Key, json};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Pieces that a reader's decisions turn on, many of them broken.
const PIECES: &[&str] = &[
    "By=",
    "Hash=",
    "hash=",
    "Cert=\"",
    "Chain=",
    "Subject=\"",
    "URI=",
    "URI=\"",
    "DNS=",
    "SAN=",
    "By",
    "=",
    "==",
    ";",
    ";;",
    ",",
    ", ",
    " ,",
    "\t,\t",
    " ",
    "\t",
    "\"",
    "\"\"",
    "\\",
    "\\\\",
    "\\\"",
    "\\,",
    "a",
    "spiffe://td/a",
    "x y",
    "{",
    "[",
    "MII",
    "\n",
    "\0",
    "\x7f",
    "é",
    "%2C",
    "1",
];

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(PIECES), 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

/// A value that Envoy has sent or that stands in the vectors, with a few bytes changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let vectors = common::vectors("xfcc.json");
    let captures = common::vectors("envoy-captures.json");
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for vector in vectors.as_array().unwrap() {
        seeds.push(common::latin1(vector["header"].as_str().unwrap()));
    }
    for capture in captures["captures"].as_array().unwrap() {
        if let Some(encoded) = capture["xfcc_base64"].as_str() {
            seeds.push(common::base64(encoded));
        }
    }
    let change = (any::<Index>(), 0..4_u8, select(PIECES), any::<u8>());
    (select(seeds), prop::collection::vec(change, 0..4)).prop_map(|(mut input, changes)| {
        for (index, kind, piece, byte) in changes {
            if input.is_empty() {
                break;
            }
            let at = index.index(input.len());
            match kind {
                0 => input[at] = byte,
                1 => drop(input.remove(at)),
                2 => drop(input.splice(at..at, piece.bytes())),
                _ => input.truncate(at),
            }
        }
        input
    })
}

fn value() -> impl Strategy<Value = (String, bool)> {
    let bare = "[!#-+\\--:<-~]([!-+\\--:<-~&&[^\"]]){0,20}|".prop_map(|text| (text, false));
    let quoted = r#"([ !#-\[\]-~]|\\[ -~]){0,20}"#.prop_map(|text| (text, true));
    prop_oneof![bare, quoted]
}

/// Elements that the grammar holds, in any order of keys.
fn elements() -> impl Strategy<Value = Parsed> {
    let pair = (select(&KEYS[..]), value()).prop_map(|(key, (raw, quoted))| (key, raw, quoted));
    let element = prop::collection::vec(pair, 1..8).prop_map(|mut pairs| {
        let mut once = Vec::new();
        pairs.retain(|(key, _, _)| {
            let repeats = matches!(key, Key::By | Key::Uri | Key::Dns);
            let keep = repeats || !once.contains(key);
            once.push(*key);
            keep
        });
        pairs
    });
    prop::collection::vec(element, 0..5)
}

const TOKENS: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"by\":",
    "\"hash\":",
    "\"cert\":",
    "\"chain\":",
    "\"subject\":",
    "\"uri\":",
    "\"dns\":",
    "[\"a\"]",
    "\"a\"",
    "\"\\n\"",
    "\"\\u0000\"",
    "\"\\\"\"",
    "[]",
    "[{",
    "}]",
    "{\"uri\":[\"a\"]}",
    "null",
    "1",
    "\"",
    "\\",
    " ",
];

fn tokens() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(TOKENS), 0..16)
        .prop_map(|tokens| format!("[{}", tokens.concat()).into_bytes())
}

fn text() -> impl Strategy<Value = String> {
    "[ -~]{0,16}"
}

fn object() -> impl Strategy<Value = serde_json::Value> {
    let list = || prop::option::of(prop::collection::vec(text(), 0..4));
    let one = || prop::option::of(text());
    let lines = "[ -~\n]{0,16}";
    let pem = prop::option::of(lines);
    let chain = prop::option::of(prop::collection::vec(lines, 0..3));
    (list(), one(), pem, chain, one(), list(), list()).prop_map(
        |(by, hash, cert, chain, subject, uri, dns)| {
            let mut object = serde_json::Map::new();
            let mut add = |key: &str, value: Option<serde_json::Value>| {
                value.map(|value| object.insert(key.to_owned(), value));
            };
            add("by", by.map(Into::into));
            add("hash", hash.map(Into::into));
            add("cert", cert.map(Into::into));
            add("chain", chain.map(Into::into));
            add("subject", subject.map(Into::into));
            add("uri", uri.map(Into::into));
            add("dns", dns.map(Into::into));
            object.into()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(input in prop::collection::vec(any::<u8>(), 0..64)) {
        check_text(&input);
        check_json(&input);
    }

    #[test]
    fn random_pieces(input in pieces()) {
        check_text(&input);
    }

    #[test]
    fn changed_values(input in mutated()) {
        check_text(&input);
        check_json(&input);
    }

    #[test]
    fn written_elements_are_read_back(elements in elements(), shout in any::<bool>()) {
        let header = write_elements(&elements, &["", " ", "\t", " \t "], shout);
        prop_assert_eq!(parse_text(header.as_bytes()).unwrap(), elements);
        check_text(header.as_bytes());
    }

    #[test]
    fn random_tokens(input in tokens()) {
        check_json(&input);
    }

    #[test]
    fn written_objects_are_read_back(objects in prop::collection::vec(object(), 0..4)) {
        let input = serde_json::to_string(&objects).unwrap();
        prop_assert_eq!(json::parse(input.as_bytes()).unwrap().len(), objects.len());
        check_json(input.as_bytes());
    }
}
