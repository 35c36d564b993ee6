//! What the tests of the readers share: vectors, and readers written differently to compare with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
#![allow(dead_code, unused_imports, reason = "each test file uses a part")]

pub(crate) mod forms;
pub(crate) mod names;
mod reference;

use peergate_core::xfcc::text::{Event, Reader};
use peergate_core::xfcc::{Key, XfccError};
use serde_json::{Value, json};

pub(crate) use reference::reference;

/// Elements of pairs: key, raw value, whether it was quoted.
pub(crate) type Parsed = Vec<Vec<(Key, String, bool)>>;

/// All that the reader under test says about a value.
pub(crate) fn parse_text(input: &[u8]) -> Result<Parsed, XfccError> {
    let mut elements = Vec::new();
    let mut element = Vec::new();
    for event in Reader::new(input) {
        match event? {
            Event::Pair(key, value) => element.push((key, value.raw.to_owned(), value.quoted)),
            Event::ElementEnd => elements.push(std::mem::take(&mut element)),
        }
    }
    assert!(element.is_empty(), "the last element did not end");
    Ok(elements)
}

/// In the notation of the vectors: one layer of quoting removed, but not from Subject.
pub(crate) fn to_json(elements: &Parsed) -> Value {
    let value = |(key, raw, quoted): &(Key, String, bool)| {
        let value = peergate_core::xfcc::text::Value { raw, quoted: *quoted };
        let value = if *key == Key::Subject { raw.clone() } else { value.unquoted().into_owned() };
        json!([key.as_str(), value])
    };
    elements.iter().map(|element| element.iter().map(value).collect::<Value>()).collect()
}

/// A file of the shared vectors.
pub(crate) fn vectors(file: &str) -> Value {
    let path = format!("{}/../tests/fixtures/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Bytes written as the code points of the same numbers.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect()
}

pub(crate) fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}
