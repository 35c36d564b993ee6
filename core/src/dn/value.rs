//! Attribute values: validated by `scan`, decoded later without errors.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::NameError;
use crate::bytes::PLAIN_VALUE;

/// A value as it stands in the text.
#[derive(Clone, Copy, Debug)]
pub(super) enum RawValue<'a> {
    /// Without escapes: the value itself.
    Plain(&'a str),
    /// With escapes.
    Escaped(&'a str),
    /// The hexadecimal digits after `#`.
    Hex(&'a str),
}

impl<'a> RawValue<'a> {
    /// The value, and whether it is text.
    pub(super) fn decode(self) -> (Cow<'a, str>, bool) {
        match self {
            Self::Plain(text) => (Cow::Borrowed(text), true),
            Self::Escaped(text) => (Cow::Owned(unescape(text)), true),
            Self::Hex(digits) => match der_text(&bytes_of(digits)) {
                Der::Text(text) => (Cow::Owned(String::from(text)), true),
                Der::Other | Der::Broken => {
                    let mut text = String::with_capacity(digits.len().saturating_add(1));
                    text.push('#');
                    text.extend(digits.chars().map(|digit| digit.to_ascii_lowercase()));
                    (Cow::Owned(text), false)
                }
            },
        }
    }
}

/// Validates the value that starts at `start`; answers with it and where it ends: at a comma, a plus
/// or the end of the text, or at a byte that may not follow.
pub(super) fn scan(text: &str, start: usize) -> Result<(RawValue<'_>, usize), NameError> {
    if text.as_bytes().get(start) == Some(&b'#') {
        return scan_hex(text, start);
    }
    let mut rest = text.as_bytes().get(start..).unwrap_or_default();
    let mut at = start;
    let mut escaped = false;
    // Where the unescaped spaces start that the value so far ends with.
    let mut spaces = None;
    loop {
        let plain = PLAIN_VALUE.run(rest);
        if plain > 0 {
            spaces = None;
        }
        at = at.saturating_add(plain);
        rest = rest.get(plain..).unwrap_or_default();
        let next = match rest {
            [] | [b',' | b'+', ..] => break,
            [b' ', ..] if at > start => {
                spaces.get_or_insert(at);
                1
            }
            [b'#', ..] => {
                spaces = None;
                1
            }
            [b'\\', ..] => {
                spaces = None;
                escaped = true;
                let (_, len) = escape(rest).ok_or(NameError { offset: at })?;
                len
            }
            _ => return Err(NameError { offset: at }),
        };
        at = at.saturating_add(next);
        rest = rest.get(next..).unwrap_or_default();
    }
    if let Some(offset) = spaces {
        return Err(NameError { offset });
    }
    let value = text.get(start..at).unwrap_or_default();
    Ok((if escaped { RawValue::Escaped(value) } else { RawValue::Plain(value) }, at))
}

/// The character that the escape at the front of `bytes` stands for, and the bytes that it takes:
/// one `\` and a special character, or as many `\XX` as its UTF-8 form has bytes.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    if let [b'\\', special @ (b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b' ' | b'#' | b'='), ..] =
        bytes
    {
        return Some((char::from(*special), 2));
    }
    let first = escaped_byte(bytes)?;
    let width = match first {
        0x00..=0x7F => return Some((char::from(first), 3)),
        0x80..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xFF => 4,
    };
    let mut utf8 = [0; 4];
    for (byte, escape) in utf8.iter_mut().zip(bytes.chunks(3)).take(width) {
        *byte = escaped_byte(escape)?;
    }
    let char = core::str::from_utf8(utf8.get(..width)?).ok()?.chars().next()?;
    Some((char, width.saturating_mul(3)))
}

fn escaped_byte(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [b'\\', high, low, ..] => hex_byte(*high, *low),
        _ => None,
    }
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4) | digit(low)?)
}

/// Decodes a value that `scan` has validated.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escaped) = rest.split_at_checked(at).unwrap_or_default();
        out.push_str(plain);
        let Some((char, len)) = escape(escaped.as_bytes()) else { break };
        out.push(char);
        rest = escaped.get(len..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Validates `#` and pairs of hexadecimal digits.
fn scan_hex(text: &str, start: usize) -> Result<(RawValue<'_>, usize), NameError> {
    let digits_at = start.saturating_add(1);
    let rest = text.get(digits_at..).unwrap_or_default();
    let len = rest.bytes().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(rest.len());
    let end = digits_at.saturating_add(len);
    if len == 0 || !len.is_multiple_of(2) {
        return Err(NameError { offset: end });
    }
    let digits = rest.get(..len).unwrap_or_default();
    match der_text(&bytes_of(digits)) {
        Der::Text(_) | Der::Other => Ok((RawValue::Hex(digits), end)),
        Der::Broken => Err(NameError { offset: start }),
    }
}

fn bytes_of(digits: &str) -> Vec<u8> {
    digits.as_bytes().chunks_exact(2).filter_map(|pair| hex_byte(*pair.first()?, *pair.last()?)).collect()
}

/// What DER bytes hold.
enum Der<'a> {
    /// A UTF8String, PrintableString or IA5String.
    Text(&'a str),
    /// Something else, or such a string with a character that its type has not (BoringSSL prints a
    /// PrintableString with `*` in it): not text.
    Other,
    /// One of the three types, but not exactly one value with a minimal length.
    Broken,
}

fn der_text(der: &[u8]) -> Der<'_> {
    let legal: fn(u8) -> bool = match der.first() {
        Some(0x0C) => |_| true,
        Some(0x13) => is_printable,
        Some(0x16) => |byte| byte.is_ascii(),
        _ => return Der::Other,
    };
    let Some(content) = der_content(der) else { return Der::Broken };
    match core::str::from_utf8(content) {
        Ok(text) if content.iter().all(|byte| legal(*byte)) => Der::Text(text),
        _ => Der::Other,
    }
}

/// The content of a value with a one-byte tag whose definite, minimal length spans all the rest.
fn der_content(der: &[u8]) -> Option<&[u8]> {
    let (length, content) = match der {
        [_, short @ 0..=0x7F, content @ ..] => (usize::from(*short), content),
        [_, 0x81, length @ 0x80..=0xFF, content @ ..] => (usize::from(*length), content),
        [_, 0x82, high @ 1..=0xFF, low, content @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), content)
        }
        // A name of 64 KiB and more does not come in a header.
        _ => return None,
    };
    (content.len() == length).then_some(content)
}

const fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b' ' | b'\'' | b'(' | b')' | b'+' | b',' | b'-' | b'.' | b'/' | b':' | b'=' | b'?')
}
