//! Method and request-target sanity: what two servers could read differently is refused.
//!
//! Nothing is rewritten. What is checked here is what the host forwards.

use core::slice::Iter;

use crate::bytes::PLAIN_SEGMENT;
use crate::limits::{PATH_BYTES, PATH_SEGMENTS};
use crate::reason::Detail;

/// `"request"` of a policy: which of the target checks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetRules {
    /// All checks, but for those lifted here.
    Strict {
        /// `%2F` may stand in a segment.
        allow_encoded_slash: bool,
        /// `;` may stand in a segment.
        allow_semicolon: bool,
    },
    /// No checks; only for policies without paths.
    Any,
}

impl TargetRules {
    /// All checks.
    pub const STRICT: Self = Self::Strict { allow_encoded_slash: false, allow_semicolon: false };
}

/// A request target that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// `*`, the whole server (RFC 9112, section 3.2.4).
    Asterisk,
    /// The path without the query; starts with `/`, printable ASCII.
    Path(&'a [u8]),
    /// Not looked at: `"target": "any"`.
    Unchecked,
}

/// Checks method and target.
///
/// # Errors
/// The finer code of `ambiguous_request`, for the first thing that is wrong.
pub fn check<'a>(method: &[u8], target: &'a [u8], rules: TargetRules) -> Result<Target<'a>, Detail> {
    if !is_method(method) {
        return Err(Detail::BadMethod);
    }
    match rules {
        TargetRules::Any => Ok(Target::Unchecked),
        TargetRules::Strict { .. } if target == b"*" && method == b"OPTIONS" => Ok(Target::Asterisk),
        TargetRules::Strict { allow_encoded_slash, allow_semicolon } => {
            let path = match memchr::memchr(b'?', target) {
                Some(query) => target.get(..query).unwrap_or_default(),
                None => target,
            };
            check_path(path, allow_encoded_slash, allow_semicolon)?;
            Ok(Target::Path(path))
        }
    }
}

/// Whether a method is `[A-Z][A-Z-]*`.
#[must_use]
pub fn is_method(method: &[u8]) -> bool {
    matches!(method.split_first(), Some((first, rest))
        if first.is_ascii_uppercase() && rest.iter().all(|b| b.is_ascii_uppercase() || *b == b'-'))
}

/// Checks a path, or the text of a path pattern: every pattern is a path to this function.
pub(crate) fn check_path(path: &[u8], encoded_slash: bool, semicolon: bool) -> Result<(), Detail> {
    let Some((b'/', rest)) = path.split_first() else {
        return Err(Detail::NotOriginForm);
    };
    if path.len() > PATH_BYTES {
        return Err(Detail::PathTooLong);
    }
    let mut rest = rest;
    for _ in 0..PATH_SEGMENTS {
        let plain = PLAIN_SEGMENT.run(rest);
        let slash = match rest.get(plain) {
            None => return Ok(()),
            Some(b'/') if plain == 0 => return Err(Detail::EmptySegment),
            Some(b'/') => plain,
            Some(_) => {
                let end = memchr::memchr(b'/', rest).unwrap_or(rest.len());
                check_segment(rest.get(..end).unwrap_or_default(), encoded_slash, semicolon)?;
                end
            }
        };
        match rest.get(slash..).and_then(<[u8]>::split_first) {
            Some((_, after)) => rest = after,
            None => return Ok(()),
        }
    }
    Err(Detail::TooManySegments)
}

fn check_segment(segment: &[u8], encoded_slash: bool, semicolon: bool) -> Result<(), Detail> {
    let mut dots = Dots::default();
    let mut bytes = segment.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'%' => {
                let decoded = escape(&mut bytes).ok_or(Detail::BadEscape)?;
                match decoded {
                    b'/' if !encoded_slash => return Err(Detail::EncodedSlash),
                    b'\\' => return Err(Detail::EncodedBackslash),
                    0..=0x1F | 0x7F => return Err(Detail::EncodedControl),
                    b'%' if is_two_hex(bytes.clone()) => return Err(Detail::DoubleEncoding),
                    0x80.. if !is_utf8_tail(decoded, &mut bytes) => return Err(Detail::EncodedNonUtf8),
                    _ => {}
                }
                dots.push(decoded)?;
            }
            b';' if !semicolon => return Err(Detail::Semicolon),
            b'#' | b'\\' | 0..=0x20 | 0x7F.. => return Err(Detail::BadPathByte),
            _ => dots.push(byte)?,
        }
    }
    dots.end()
}

/// Looks for `.` and `..` in a segment as the laxest server would: escapes decoded, an encoded slash
/// taken for a separator, everything from a semicolon on (encoded or not) cut off.
#[derive(Default)]
struct Dots {
    dots: u8,
    other: bool,
    cut: bool,
}

impl Dots {
    fn push(&mut self, byte: u8) -> Result<(), Detail> {
        match byte {
            b'/' => {
                Self { ..*self }.end()?;
                *self = Self::default();
            }
            b';' => self.cut = true,
            _ if self.cut => {}
            b'.' => self.dots = self.dots.saturating_add(1),
            _ => self.other = true,
        }
        Ok(())
    }

    fn end(self) -> Result<(), Detail> {
        if !self.other && matches!(self.dots, 1 | 2) { Err(Detail::DotSegment) } else { Ok(()) }
    }
}

/// The byte of `%XX`, with the percent sign already taken.
pub(crate) fn escape(bytes: &mut Iter<'_, u8>) -> Option<u8> {
    let high = hex_digit(*bytes.next()?)?;
    let low = hex_digit(*bytes.next()?)?;
    Some((high << 4) | low)
}

/// The value of a hexadecimal digit in either case.
pub(crate) const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(byte.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// Whether two hexadecimal digits follow, written as they are or as escapes themselves.
fn is_two_hex(mut rest: Iter<'_, u8>) -> bool {
    let mut digit = || match rest.next() {
        Some(b'%') => escape(&mut rest).is_some_and(|byte| byte.is_ascii_hexdigit()),
        Some(byte) => byte.is_ascii_hexdigit(),
        None => false,
    };
    digit() && digit()
}

/// Takes the escapes that continue a UTF-8 sequence which starts with `lead`.
fn is_utf8_tail(lead: u8, bytes: &mut Iter<'_, u8>) -> bool {
    let tail = match lead {
        0xC2..=0xDF => 1,
        0xE0..=0xEF => 2,
        0xF0..=0xF4 => 3,
        _ => return false,
    };
    let mut sequence = [lead, 0, 0, 0];
    for slot in sequence.iter_mut().skip(1).take(tail) {
        let (Some(b'%'), Some(byte)) = (bytes.next(), escape(bytes)) else { return false };
        *slot = byte;
    }
    sequence.get(..=tail).is_some_and(|bytes| core::str::from_utf8(bytes).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: TargetRules = TargetRules::STRICT;

    fn detail(target: &str) -> Option<&'static str> {
        check(b"GET", target.as_bytes(), STRICT).err().map(Detail::code)
    }

    #[test]
    fn ordinary_targets_pass() {
        for target in [
            "/",
            "/a",
            "/a/",
            "/a/b.c",
            "/a/...",
            "/a/.b",
            "/%C3%A9",
            "/a%20b",
            "/%25",
            "/%25z1",
            "/?a//b/../#",
            "/a%3Bb",
        ] {
            assert_eq!(detail(target), None, "{target}");
        }
    }

    #[test]
    fn each_ambiguity_has_its_code() {
        for (target, code) in [
            ("", "not_origin_form"),
            ("*", "not_origin_form"),
            ("a/b", "not_origin_form"),
            ("http://h/a", "not_origin_form"),
            ("//a", "empty_segment"),
            ("/a//b", "empty_segment"),
            ("/a//", "empty_segment"),
            ("/.", "dot_segment"),
            ("/a/../b", "dot_segment"),
            ("/a/%2e%2E/b", "dot_segment"),
            ("/a/.%2e", "dot_segment"),
            ("/a/..%3Bx/b", "dot_segment"),
            ("/a#b", "bad_path_byte"),
            ("/a\\b", "bad_path_byte"),
            ("/a b", "bad_path_byte"),
            ("/a\u{e9}", "bad_path_byte"),
            ("/a;b", "semicolon"),
            ("/a%2Fb", "encoded_slash"),
            ("/a%2fb", "encoded_slash"),
            ("/a%5cb", "encoded_backslash"),
            ("/a%00", "encoded_control"),
            ("/a%7F", "encoded_control"),
            ("/a%", "bad_escape"),
            ("/a%4", "bad_escape"),
            ("/a%zz", "bad_escape"),
            ("/a%252e", "double_encoding"),
            ("/a%25%32%65", "double_encoding"),
            ("/a%25%32e", "double_encoding"),
            ("/a%252%65", "double_encoding"),
            ("/a%FF", "encoded_non_utf8"),
            ("/a%C3", "encoded_non_utf8"),
            ("/a%C3/%A9", "encoded_non_utf8"),
            ("/a%ED%A0%80", "encoded_non_utf8"),
        ] {
            assert_eq!(detail(target), Some(code), "{target}");
        }
    }

    #[test]
    fn lifted_checks_still_look_for_dot_segments() {
        let lax = TargetRules::Strict { allow_encoded_slash: true, allow_semicolon: true };
        let code = |target: &str| check(b"GET", target.as_bytes(), lax).err().map(Detail::code);
        assert_eq!(code("/a%2Fb;c=d/e"), None);
        assert_eq!(code("/a/..;x/b"), Some("dot_segment"));
        assert_eq!(code("/a%2F..%2Fb"), Some("dot_segment"));
        assert_eq!(code("/a%2F.;x"), Some("dot_segment"));
        assert_eq!(code("/a%5Cb"), Some("encoded_backslash"));
    }

    #[test]
    fn limits_hold_at_the_edge() {
        let path = |len: usize| alloc::format!("/{}", "a".repeat(len.saturating_sub(1)));
        assert_eq!(detail(&path(PATH_BYTES)), None);
        assert_eq!(detail(&path(PATH_BYTES + 1)), Some("path_too_long"));
        assert_eq!(detail(&"/a".repeat(PATH_SEGMENTS)), None);
        assert_eq!(detail(&"/a".repeat(PATH_SEGMENTS + 1)), Some("too_many_segments"));
    }

    #[test]
    fn methods_and_asterisk() {
        let code = |method: &str, target: &str| {
            check(method.as_bytes(), target.as_bytes(), STRICT).err().map(Detail::code)
        };
        assert_eq!(code("M-SEARCH", "/"), None);
        for method in ["", "get", "GeT", "-A", "G1", "G\u{e9}"] {
            assert_eq!(code(method, "/"), Some("bad_method"), "{method}");
        }
        assert_eq!(code("OPTIONS", "*"), None);
        assert_eq!(code("GET", "*"), Some("not_origin_form"));
        assert_eq!(check(b"GET", b"\xFF", TargetRules::Any), Ok(Target::Unchecked));
        assert_eq!(check(b"get", b"/", TargetRules::Any), Err(Detail::BadMethod));
    }
}
