//! JSON with positions: what serde_json reads, plus where each key and value stands.
//!
//! serde_json checks the syntax of the whole text once. From then on a `Node` is a slice of that
//! text, its place is the distance of two pointers, and containers are taken apart level by level
//! when somebody asks. Nothing is built that nobody looks at, and duplicate keys are not lost.

mod canonical;
mod lines;
mod parts;
mod scan;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use serde::de::IgnoredAny;

use crate::load::{Document, LoadCode, LoadError, Place};
use lines::Lines;
pub(crate) use parts::{Parts, string};

/// A text that is JSON within our limits.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    text: &'a str,
    document: Document,
    lines: Lines,
}

/// One value: its text, without white space around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a>(&'a str);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    /// The key, decoded.
    pub(crate) key: Cow<'a, str>,
    /// The key as a node: a string.
    pub(crate) key_node: Node<'a>,
    /// The value.
    pub(crate) value: Node<'a>,
}

impl<'a> Text<'a> {
    /// Checks size, encoding, syntax, nesting and surrogates, in this order.
    pub(crate) fn parse(bytes: &'a [u8], document: Document, max: usize) -> Result<Self, LoadError> {
        if bytes.len() > max {
            return Err(fault(LoadCode::DocumentTooLarge, document, "", 0, String::new()));
        }
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            return Err(fault(LoadCode::ByteOrderMark, document, "", 0, String::new()));
        }
        let text = match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let good = core::str::from_utf8(good).unwrap_or_default();
                return Err(fault(LoadCode::InvalidUtf8, document, good, good.len(), String::new()));
            }
        };
        // Nothing but the syntax: its readers of values would bring those of fractions with them.
        let _: IgnoredAny = serde_json::from_str(text).map_err(|error| {
            fault(LoadCode::InvalidJson, document, text, syntax_offset(text, &error), String::new())
        })?;
        scan::check(text).map_err(|(code, offset, pointer)| fault(code, document, text, offset, pointer))?;
        Ok(Self { text, document, lines: Lines::new(text) })
    }

    /// The outermost value.
    pub(crate) fn root(&self) -> Node<'a> {
        // In a text that is JSON there is no other white space around a value than JSON's own.
        Node(self.text.trim_ascii())
    }

    /// Where a node starts.
    pub(crate) fn offset(&self, node: Node<'_>) -> usize {
        node.0.as_ptr().addr().saturating_sub(self.text.as_ptr().addr()).min(self.text.len())
    }

    /// The place at an offset.
    #[inline(never)]
    pub(crate) fn place(&self, offset: usize, pointer: String) -> Place {
        let (line, column) = self.lines.locate(self.text, offset);
        Place { document: self.document, pointer, line, column }
    }
}

impl<'a> Node<'a> {
    /// A value that is a part of a checked text.
    pub(crate) const fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// What it is, from its first byte.
    pub(crate) fn kind(self) -> Kind {
        match self.0.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    /// Its text as written.
    pub(crate) fn raw(self) -> &'a str {
        self.0
    }

    /// A string, decoded; borrowed when it holds no escape.
    #[inline(never)]
    pub(crate) fn string(self) -> Option<Cow<'a, str>> {
        string(self.0)
    }

    /// The elements of an array; none of anything else.
    #[inline(never)]
    pub(crate) fn elements(self) -> Vec<Node<'a>> {
        let mut elements = Vec::new();
        if self.kind() == Kind::Array {
            elements.extend(Parts::of(self.0).map(Node));
        }
        elements
    }

    /// The members of an object in file order, keys decoded; none of anything else.
    #[inline(never)]
    pub(crate) fn members(self) -> Vec<Member<'a>> {
        let mut members = Vec::new();
        if self.kind() == Kind::Object {
            let mut parts = Parts::of(self.0);
            while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
                members.extend(string(key).map(|text| Member {
                    key: text,
                    key_node: Node(key),
                    value: Node(value),
                }));
            }
        }
        members
    }

    /// SHA-256 of the canonical form (RFC 8785).
    pub(crate) fn canonical_sha256(self) -> [u8; 32] {
        canonical::sha256(self)
    }
}

/// Appends a step to a JSON Pointer.
pub(crate) fn push_step(pointer: &mut String, key: &str) {
    pointer.push('/');
    for c in key.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// Appends an index to a JSON Pointer.
pub(crate) fn push_index(pointer: &mut String, index: usize) {
    use core::fmt::Write;
    // Writing to a String cannot fail.
    let _ = write!(pointer, "/{index}");
}

/// serde_json gives a line, and a column in bytes: of the byte that it stopped at, or for a raw
/// control character in a string of the byte before it.
fn syntax_offset(text: &str, error: &serde_json::Error) -> usize {
    if error.is_eof() {
        return text.len();
    }
    let line_start = match error.line().checked_sub(2) {
        None => 0,
        Some(nth) => memchr::memchr_iter(b'\n', text.as_bytes())
            .nth(nth)
            .map_or(0, |newline| newline.saturating_add(1)),
    };
    let mut offset = line_start.saturating_add(error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(offset) {
        offset = offset.saturating_sub(1);
    }
    offset
}

#[cold]
#[inline(never)]
fn fault(code: LoadCode, document: Document, text: &str, offset: usize, pointer: String) -> LoadError {
    let (line, column) = lines::locate_slowly(text, offset);
    LoadError { code, place: Place { document, pointer, line, column }, hint: code.hint() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(bytes: &[u8]) -> (LoadCode, String, usize, usize) {
        let error = Text::parse(bytes, Document::Policy, 1 << 20).unwrap_err();
        (error.code, error.place.pointer, error.place.line, error.place.column)
    }

    fn at(code: LoadCode, pointer: &str, line: usize, column: usize) -> (LoadCode, String, usize, usize) {
        (code, pointer.into(), line, column)
    }

    #[test]
    fn size_is_checked_first() {
        assert!(Text::parse(b"{}", Document::Policy, 2).is_ok());
        let error = Text::parse(b"{} ", Document::Policy, 2).unwrap_err();
        assert_eq!(error.code, LoadCode::DocumentTooLarge);
    }

    #[test]
    fn encoding() {
        assert_eq!(fails(b"\xEF\xBB\xBF{}"), at(LoadCode::ByteOrderMark, "", 1, 1));
        assert_eq!(fails(b"\xFF\xFE{\0}\0"), at(LoadCode::InvalidUtf8, "", 1, 1));
        assert_eq!(fails("{\n\"ä\": \"".as_bytes()).0, LoadCode::InvalidJson);
        assert_eq!(fails(b"{\n\"\xC3\xA4\": \"\xED\xA0\x80\"}"), at(LoadCode::InvalidUtf8, "", 2, 7));
    }

    #[test]
    fn syntax_errors_point_at_the_byte() {
        assert_eq!(fails(b""), at(LoadCode::InvalidJson, "", 1, 1));
        assert_eq!(fails(b"{"), at(LoadCode::InvalidJson, "", 1, 2));
        assert_eq!(fails(b"{\n  \"a\": 1,\n}"), at(LoadCode::InvalidJson, "", 3, 1));
        assert_eq!(fails(b"{}\n x"), at(LoadCode::InvalidJson, "", 2, 2));
        assert_eq!(fails(b"[01]").0, LoadCode::InvalidJson);
        assert_eq!(fails(b"{'a':1}"), at(LoadCode::InvalidJson, "", 1, 2));
        assert_eq!(fails(b"[NaN]"), at(LoadCode::InvalidJson, "", 1, 2));
        assert_eq!(fails(b"[\"a\tb\"]").0, LoadCode::InvalidJson);
        assert_eq!(fails("[\"äö\" \"ü\"]".as_bytes()), at(LoadCode::InvalidJson, "", 1, 7));
        assert_eq!(fails(b"{} // no").0, LoadCode::InvalidJson);
    }

    #[test]
    fn nesting_is_limited_at_its_bracket() {
        let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(Text::parse(nested(32).as_bytes(), Document::Policy, 1 << 20).is_ok());
        assert_eq!(fails(nested(33).as_bytes()), at(LoadCode::NestingTooDeep, &"/0".repeat(32), 1, 33));
        let mixed = ["{\"a\":[".repeat(16), "[]".into(), "]}".repeat(16)].concat();
        assert_eq!(fails(mixed.as_bytes()).0, LoadCode::NestingTooDeep);
        let deep = nested(400_000);
        assert_eq!(fails(deep.as_bytes()).0, LoadCode::NestingTooDeep);
        assert!(
            Text::parse(br#"{"a": "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}"#, Document::Policy, 99).is_ok()
        );
    }

    #[test]
    fn lone_surrogates_are_found_in_keys_and_values() {
        assert_eq!(fails(br#"{"a": ["x", "\ud800"]}"#), at(LoadCode::LoneSurrogate, "/a/1", 1, 14));
        assert_eq!(fails(br#"["\ud800\ud800"]"#).0, LoadCode::LoneSurrogate);
        assert_eq!(fails(br#"["\udc00\ud800"]"#).0, LoadCode::LoneSurrogate);
        assert_eq!(fails(br#"["\ud83dx"]"#).0, LoadCode::LoneSurrogate);
        assert_eq!(fails(br#"{"x": {"\uDFFF": 1}}"#), at(LoadCode::LoneSurrogate, "/x", 1, 9));
        let text = br#"{"b":[{"y":"x"}],"a\u002f~":[1,[2],{"z":[],"k":[3,"\ud800"]}]}"#;
        assert_eq!(fails(text), at(LoadCode::LoneSurrogate, "/a~1~0/2/k/1", 1, 52));
        let text = br#"["\ud83d\ude00", "\\ud800", "\u00e9"]"#;
        assert!(Text::parse(text, Document::Policy, 1 << 20).is_ok());
    }

    #[test]
    fn nodes_know_their_place() {
        let source = " {\n \"k~/\" : [ true, \"\\u0041\" ] }\n";
        let text = Text::parse(source.as_bytes(), Document::Source, 1 << 20).unwrap();
        let members = text.root().members();
        assert_eq!(members[0].key, "k~/");
        let elements = members[0].value.elements();
        assert_eq!(elements[1].string().unwrap(), "A");
        let place = text.place(text.offset(elements[1]), String::new());
        assert_eq!((place.line, place.column), (2, 18));
        assert_eq!(place.full_pointer(), "/source");
    }
}
