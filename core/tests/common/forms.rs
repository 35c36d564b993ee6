//! What must hold of every header value, whatever it is.

use std::borrow::Cow;

use peergate_core::xfcc::text::Elements;
use peergate_core::xfcc::{Key, json};

use super::{Parsed, parse_text, reference};

pub(crate) const KEYS: [Key; 7] =
    [Key::By, Key::Hash, Key::Cert, Key::Chain, Key::Subject, Key::Uri, Key::Dns];

/// Writes elements in the text form, with whitespace around the commas taken from `spaces` in turn.
pub(crate) fn write_elements(elements: &Parsed, spaces: &[&str], shout: bool) -> String {
    let mut out = String::new();
    for (number, element) in elements.iter().enumerate() {
        if number > 0 {
            out.push_str(spaces[number % spaces.len()]);
            out.push(',');
            out.push_str(spaces[(number + 1) % spaces.len()]);
        }
        for (index, (key, raw, quoted)) in element.iter().enumerate() {
            let semicolon = if index > 0 { ";" } else { "" };
            let key = if shout { key.as_str().to_uppercase() } else { key.as_str().to_lowercase() };
            let quote = if *quoted { "\"" } else { "" };
            out.push_str(&format!("{semicolon}{key}={quote}{raw}{quote}"));
        }
    }
    out
}

/// The reader agrees with the naive one, and whole elements say the same as the events that they are
/// made of.
pub(crate) fn check_text(input: &[u8]) {
    assert_eq!(parse_text(input), reference(input));
    check_elements(input);
}

fn check_elements(input: &[u8]) {
    let whole: Result<Vec<_>, _> = Elements::new(input).collect();
    let events = parse_text(input);
    let (whole, events) = match (whole, events) {
        (Ok(whole), Ok(events)) => (whole, events),
        (whole, events) => {
            assert_eq!(whole.err(), events.err());
            return;
        }
    };
    assert_eq!(whole.len(), events.len());
    for (element, pairs) in whole.iter().zip(&events) {
        assert_eq!(element.pairs, pairs.len());
        let again: Vec<_> = element.pairs().map(|(k, v)| (k, v.raw.to_owned(), v.quoted)).collect();
        assert_eq!(again, *pairs);
        for key in KEYS {
            let values: Vec<_> = element.values(key).map(|value| value.raw).collect();
            let expected: Vec<_> = pairs.iter().filter(|pair| pair.0 == key).map(|pair| &*pair.1).collect();
            assert_eq!(values, expected);
            let first = match key {
                Key::By => element.by.first,
                Key::Hash => element.hash,
                Key::Cert => element.cert,
                Key::Chain => element.chain,
                Key::Subject => element.subject,
                Key::Uri => element.uri.first,
                Key::Dns => element.dns.first,
            };
            assert_eq!(first.map(|value| value.raw), expected.first().copied());
            match key {
                Key::By => assert_eq!(element.by.count, expected.len()),
                Key::Uri => assert_eq!(element.uri.count, expected.len()),
                Key::Dns => assert_eq!(element.dns.count, expected.len()),
                _ => assert!(expected.len() <= 1),
            }
        }
        assert_eq!(element.ordered, pairs.is_sorted_by_key(|(key, _, _)| *key));
        assert_eq!(parse_text(element.text.as_bytes()).unwrap(), std::slice::from_ref(pairs));
    }
}

/// What the JSON reader accepts, serde_json's own tree holds too, and nothing else.
pub(crate) fn check_json(input: &[u8]) {
    let Ok(elements) = json::parse(input) else { return };
    if input.is_empty() {
        assert!(elements.is_empty());
        return;
    }
    let tree: serde_json::Value = serde_json::from_slice(input).unwrap();
    assert_eq!(tree.as_array().unwrap().len(), elements.len());
    for (tree, element) in tree.as_array().unwrap().iter().zip(&elements) {
        for (key, value) in tree.as_object().unwrap() {
            let list = |values: &[Cow<'_, str>]| serde_json::Value::from_iter(values.iter().map(|v| &**v));
            let one = |value: &Option<Cow<'_, str>>| value.as_deref().map(serde_json::Value::from).unwrap();
            let ours = match key.as_str() {
                "by" => list(&element.by),
                "hash" => one(&element.hash),
                "cert" => one(&element.cert),
                "chain" => list(&element.chain),
                "subject" => one(&element.subject),
                "uri" => list(&element.uri),
                "dns" => list(&element.dns),
                other => panic!("key {other}"),
            };
            assert_eq!(ours, *value);
        }
    }
}
