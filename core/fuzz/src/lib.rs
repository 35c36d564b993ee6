//! What the fuzz targets share: the naive readers and writers of the tests, and their checks.

pub mod certificate;
pub mod sources;

#[path = "../../tests/common/mod.rs"]
mod common;

use common::forms::{KEYS, write_elements};
use common::names::{Style, check_written_name};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use peergate_core::xfcc::{Key, json};

/// The text form: the same as the naive reader says, whatever the bytes.
pub fn check_text(input: &[u8]) {
    common::forms::check_text(input);
}

/// The JSON form: nothing is read that serde_json's tree does not hold.
pub fn check_json(input: &[u8]) {
    common::forms::check_json(input);
}

/// SPIFFE IDs: the same as splitting says.
pub fn check_id(input: &[u8]) {
    common::names::check_id(input);
}

/// Names: read in full or refused.
pub fn check_name(input: &[u8]) {
    common::names::check_name(input);
}

/// Elements of pairs: which key, the value, whether it is quoted.
#[derive(Arbitrary, Debug)]
pub struct Header {
    elements: Vec<Vec<(u8, String, bool)>>,
    spaces: Vec<u8>,
    shout: bool,
}

impl Header {
    /// Writes the elements, with all that the grammar does not hold left out, and reads them back.
    pub fn check(self) {
        let spaces: Vec<_> =
            self.spaces.iter().map(|space| ["", " ", "\t", " \t "][usize::from(*space % 4)]).collect();
        let mut elements = Vec::new();
        for pairs in self.elements {
            let mut element: Vec<(Key, String, bool)> = Vec::new();
            for (key, value, quoted) in pairs {
                let key = KEYS[usize::from(key) % KEYS.len()];
                let repeats = matches!(key, Key::By | Key::Uri | Key::Dns);
                if repeats || element.iter().all(|(other, _, _)| *other != key) {
                    element.push((key, legal(&value, quoted), quoted));
                }
            }
            if !element.is_empty() {
                elements.push(element);
            }
        }
        let spaces = if spaces.is_empty() { &[""][..] } else { &spaces };
        let header = write_elements(&elements, spaces, self.shout);
        assert_eq!(common::parse_text(header.as_bytes()).expect("legal"), elements);
        check_text(header.as_bytes());
    }
}

/// The part of a text that a value may hold.
fn legal(text: &str, quoted: bool) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| matches!(c, ' '..='~')) {
        match c {
            '"' | '\\' if quoted => out.extend(['\\', c]),
            ' ' | '"' | ',' | ';' if !quoted => {}
            _ => out.push(c),
        }
    }
    out
}

/// The JSON form as Envoy builds it.
#[derive(Arbitrary, Debug)]
pub struct Objects(Vec<Object>);

#[derive(Arbitrary, Debug)]
struct Object {
    lists: [Option<Vec<String>>; 4],
    texts: [Option<String>; 3],
}

impl Objects {
    /// Writes the objects; they are read exactly if all their strings are of the alphabet.
    pub fn check(self) {
        let mut legal = true;
        let objects = self.0.into_iter().map(|object| {
            let mut map = serde_json::Map::new();
            for (key, values) in ["by", "chain", "uri", "dns"].into_iter().zip(object.lists) {
                let Some(values) = values else { continue };
                legal &= values.iter().all(|value| is_legal(value, key == "chain"));
                map.insert(key.to_owned(), values.into());
            }
            for (key, value) in ["hash", "cert", "subject"].into_iter().zip(object.texts) {
                let Some(value) = value else { continue };
                legal &= is_legal(&value, key == "cert");
                map.insert(key.to_owned(), value.into());
            }
            serde_json::Value::from(map)
        });
        let text = serde_json::Value::from_iter(objects).to_string();
        assert_eq!(json::parse(text.as_bytes()).is_ok(), legal, "{text}");
        check_json(text.as_bytes());
    }
}

fn is_legal(value: &str, lines: bool) -> bool {
    value.bytes().all(|byte| matches!(byte, 0x20..=0x7E) || (lines && byte == b'\n'))
}

/// Attributes and two ways to write them.
#[derive(Arbitrary, Debug)]
pub struct Name {
    parts: Vec<(u8, String, bool)>,
    one: Vec<u8>,
    other: Vec<u8>,
}

impl Name {
    /// Writes the name in two ways and reads it back.
    pub fn check(self) {
        const OIDS: [&str; 4] = ["2.5.4.3", "2.5.4.10", "0.9.2342.19200300.100.1.25", "1.2.3.4"];
        let mut parts: Vec<_> = self
            .parts
            .into_iter()
            .map(|(oid, value, starts)| (OIDS[usize::from(oid % 4)], value, starts))
            .collect();
        let Some(first) = parts.first_mut() else { return };
        first.2 = true;
        check_written_name(&parts, &styles(&self.one), &styles(&self.other));
    }
}

fn styles(bytes: &[u8]) -> Vec<Style> {
    let style = |byte: &u8| [Style::Shortest, Style::Backslash, Style::Hex][usize::from(byte % 3)];
    std::iter::once(Style::Shortest).chain(bytes.iter().map(style)).collect()
}

/// A SPIFFE ID of parts that are nearly legal.
#[derive(Arbitrary, Debug)]
pub struct Id {
    domain: Vec<u8>,
    segments: Vec<Vec<u8>>,
    stray: Option<(u16, u8)>,
}

impl Id {
    /// Writes the ID and compares the reader's answer with that of splitting.
    pub fn check(self) {
        let letter = |byte: &u8| char::from(b"abAB01.-_."[usize::from(byte % 10)]);
        let mut id: Vec<u8> = b"spiffe://".to_vec();
        id.extend(self.domain.iter().map(letter).map(|c| c.to_ascii_lowercase() as u8));
        for segment in &self.segments {
            id.push(b'/');
            id.extend(segment.iter().map(letter).map(|c| c as u8));
        }
        if let Some((at, byte)) = self.stray {
            let at = usize::from(at) % id.len();
            id[at] = byte;
        }
        check_id(&id);
    }
}
