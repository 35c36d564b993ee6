//! Takes values apart, in a text whose syntax serde_json has checked: here only the ends of tokens are
//! looked for, and nothing is judged. Where a text breaks off, so does its last part.

use alloc::borrow::Cow;
use alloc::string::String;

use super::scan::escaped_unit;

/// The values directly inside an array; in an object, keys and values take turns.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    rest: &'a str,
}

impl<'a> Parts<'a> {
    /// Of a text that starts with its bracket.
    pub(crate) fn of(container: &'a str) -> Self {
        Self { rest: container.get(1..).unwrap_or_default() }
    }

    /// Whether there are no more.
    pub(crate) fn is_empty(&self) -> bool {
        Parts { rest: self.rest }.next().is_none()
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.rest.as_bytes();
        let start =
            bytes.iter().position(|byte| !matches!(byte, b',' | b':' | b' ' | b'\t' | b'\r' | b'\n'))?;
        let end = end(bytes, start);
        let part = self.rest.get(start..end)?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        // It is empty where the bracket closes.
        (!part.is_empty()).then_some(part)
    }
}

/// Where the value that starts at `start` ends.
fn end(bytes: &[u8], start: usize) -> usize {
    let mut open = 0_usize;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        let next = at.saturating_add(1);
        at = match byte {
            b'"' => after_string(bytes, next),
            b'{' | b'[' => {
                open = open.saturating_add(1);
                next
            }
            b'}' | b']' => {
                // The bracket around the value ends it; its own one is its last byte.
                let Some(inner) = open.checked_sub(1) else { return at };
                open = inner;
                next
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if open == 0 => return at,
            _ => {
                at = next;
                continue;
            }
        };
        if open == 0 {
            return at;
        }
    }
    bytes.len()
}

/// The offset after the closing quote of the string whose text starts at `at`.
fn after_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at = at.saturating_add(found);
        if bytes.get(at) == Some(&b'"') {
            return at.saturating_add(1);
        }
        at = at.saturating_add(2);
    }
    bytes.len()
}

/// What a string says, from its text with the quotes; borrowed when it holds no escape. `None` for a
/// value of another kind, and for half of a surrogate pair.
pub(crate) fn string(token: &str) -> Option<Cow<'_, str>> {
    let inner = token.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (before, escape) = rest.split_at_checked(at)?;
        let (letter, length) = unescaped(escape.as_bytes())?;
        out.push_str(before);
        out.push(letter);
        rest = escape.get(length..)?;
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

/// The letter for which the escape at the start of `bytes` stands, and the length of the escape.
fn unescaped(bytes: &[u8]) -> Option<(char, usize)> {
    let letter = match bytes.get(1)? {
        b'b' => '\u{8}',
        b't' => '\t',
        b'n' => '\n',
        b'f' => '\u{c}',
        b'r' => '\r',
        b'u' => {
            let first = escaped_unit(bytes, 0)?;
            let Some(above) = first.checked_sub(0xD800).filter(|above| *above < 0x400) else {
                return Some((char::from_u32(first)?, 6));
            };
            let below = escaped_unit(bytes, 6)?.checked_sub(0xDC00).filter(|below| *below < 0x400)?;
            let number = above.wrapping_shl(10).saturating_add(below).saturating_add(0x1_0000);
            return Some((char::from_u32(number)?, 12));
        }
        // A quote, a slash or a backslash.
        same => char::from(*same),
    };
    Some((letter, 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use serde_json::Value;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f32>().prop_map(|number| Value::from(f64::from(number))),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((".*", inner), 0..6)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    /// The value, made of its parts.
    fn rebuilt(text: &str) -> Value {
        match text.as_bytes()[0] {
            b'[' => Parts::of(text).map(rebuilt).collect(),
            b'{' => {
                let parts: Vec<&str> = Parts::of(text).collect();
                let (pairs, rest) = parts.as_chunks::<2>();
                assert!(rest.is_empty(), "{text}");
                pairs.iter().map(|[key, value]| (string(key).unwrap().into_owned(), rebuilt(value))).collect()
            }
            b'"' => string(text).unwrap().into(),
            _ => serde_json::from_str(text).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn parts_make_what_serde_json_reads(value in value()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(rebuilt(&text), serde_json::from_str::<Value>(&text).unwrap());
            }
        }

        #[test]
        fn strings_are_what_serde_json_reads(
            inner in r#"(a|é|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|\\u[dD][89abAB][0-9]{2}\\u[dD][c-fC-F][0-9]{2}){0,9}"#
        ) {
            let text = alloc::format!("\"{inner}\"");
            let read = string(&text).map(Cow::into_owned);
            prop_assert_eq!(read, serde_json::from_str::<String>(&text).ok());
        }

        #[test]
        fn what_breaks_off_is_taken_without_a_panic(text in r#"[\[\]{}",:\\a1 ]{0,30}"#) {
            let taken: usize = Parts::of(&text).map(|part| string(part).map_or(part.len(), |_| part.len())).sum();
            prop_assert!(taken <= text.len());
        }
    }
}
