//! The canonical form of a value (RFC 8785), straight into a digest.

use sha2::{Digest, Sha256};

use super::{Kind, Node};
use crate::order;

/// SHA-256 of the canonical form: keys sorted by UTF-16 code units, no white space, escapes only
/// where JSON demands them, integers in plain decimal.
pub(super) fn sha256(node: Node<'_>) -> [u8; 32] {
    let mut digest = Sha256::new();
    write(node, &mut digest);
    digest.finalize().into()
}

/// Recursion is bounded by the nesting that a checked text can have.
fn write(node: Node<'_>, out: &mut Sha256) {
    match node.kind() {
        Kind::Object => {
            let mut members = node.members();
            order::sort_unstable_by(&mut members, |one, other| {
                one.key.bytes().map(weight).lt(other.key.bytes().map(weight))
            });
            put(out, b"{");
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    put(out, b",");
                }
                write_string(member.key_node, out);
                put(out, b":");
                write(member.value, out);
            }
            put(out, b"}");
        }
        Kind::Array => {
            put(out, b"[");
            for (index, element) in node.elements().into_iter().enumerate() {
                if index > 0 {
                    put(out, b",");
                }
                write(element, out);
            }
            put(out, b"]");
        }
        Kind::String => write_string(node, out),
        // A document that loads holds integers only, and `-0` is the one that RFC 8785 respells.
        Kind::Number if node.raw() == "-0" => put(out, b"0"),
        Kind::Number | Kind::Boolean | Kind::Null => put(out, node.raw().as_bytes()),
    }
}

/// A byte of UTF-8 such that bytes compare as the UTF-16 code units of their texts do: surrogates, which
/// stand for what takes four bytes, come before U+E000 to U+FFFF, which start with these two.
const fn weight(byte: u8) -> u8 {
    if matches!(byte, 0xEE | 0xEF) { byte | 0x10 } else { byte }
}

/// One copy of what a digest does with bytes.
#[inline(never)]
fn put(out: &mut Sha256, bytes: &[u8]) {
    out.update(bytes);
}

fn write_string(node: Node<'_>, out: &mut Sha256) {
    let raw = node.raw();
    // Without a backslash there is nothing to respell: JSON itself demands the others.
    let text = match node.string() {
        Some(text) if memchr::memchr(b'\\', raw.as_bytes()).is_some() => text,
        _ => return put(out, raw.as_bytes()),
    };
    put(out, b"\"");
    for c in text.chars() {
        match c {
            '"' => put(out, b"\\\""),
            '\\' => put(out, b"\\\\"),
            '\u{8}' => put(out, b"\\b"),
            '\t' => put(out, b"\\t"),
            '\n' => put(out, b"\\n"),
            '\u{c}' => put(out, b"\\f"),
            '\r' => put(out, b"\\r"),
            c if c < ' ' => {
                let digit = |value: u32| char::from_digit(value, 16).unwrap_or('0');
                let code = u32::from(c);
                put(out, b"\\u00");
                put(out, digit(code.wrapping_shr(4)).encode_utf8(&mut [0; 4]).as_bytes());
                put(out, digit(code & 0xF).encode_utf8(&mut [0; 4]).as_bytes());
            }
            c => put(out, c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    put(out, b"\"");
}

#[cfg(test)]
mod tests {
    use super::super::Text;
    use super::*;
    use crate::load::Document;
    use proptest::prelude::*;

    fn digest(text: &str) -> [u8; 32] {
        Text::parse(text.as_bytes(), Document::Policy, 1 << 20).unwrap().root().canonical_sha256()
    }

    fn plain(text: &str) -> [u8; 32] {
        Sha256::digest(text).into()
    }

    #[test]
    fn spelling_does_not_count() {
        let canonical = r#"{"a":[1,true,null],"b":"é/\"\\\n\u001f"}"#;
        assert_eq!(digest(canonical), plain(canonical));
        let written =
            " { \"b\" : \"\\u00e9\\/\\u0022\\u005C\\u000a\\u001F\",\n\t\"a\" : [ 1 , true,null ] } ";
        assert_eq!(digest(written), plain(canonical));
    }

    #[test]
    fn keys_sort_by_utf16_code_units() {
        // U+1F600 is D83D DE00 in UTF-16 and so sorts before U+FB33, unlike in UTF-8 (RFC 8785, 3.2.3).
        let sorted =
            "{\"\\r\":1,\"1\":2,\"\u{80}\":3,\"\u{f6}\":4,\"\u{20ac}\":5,\"\u{1f600}\":6,\"\u{fb33}\":7}";
        let mixed =
            "{\"\u{fb33}\":7,\"\u{20ac}\":5,\"\\u000d\":1,\"\u{1f600}\":6,\"\u{f6}\":4,\"1\":2,\"\u{80}\":3}";
        assert_eq!(digest(mixed), plain(sorted));
    }

    proptest! {
        #[test]
        fn weights_compare_as_utf16_does(
            one in "[a\u{80}\u{7ff}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,3}|\\PC{0,4}",
            other in "[a\u{80}\u{7ff}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,3}|\\PC{0,4}",
        ) {
            let ours = one.bytes().map(weight).cmp(other.bytes().map(weight));
            prop_assert_eq!(ours, one.encode_utf16().cmp(other.encode_utf16()));
        }
    }

    #[test]
    fn content_counts() {
        assert_ne!(digest("[1]"), digest("[2]"));
        assert_ne!(digest("[[],{}]"), digest("[{},[]]"));
        assert_eq!(digest("[-0]"), plain("[0]"));
    }
}
