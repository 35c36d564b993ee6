//! What serde_json does not check while it skips over values: nesting and surrogates.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::{Node, push_index, push_step};
use crate::limits::JSON_DEPTH;
use crate::load::LoadCode;

/// What breaks a rule, the byte at which it shows, and the pointer of the value around it.
pub(super) type Fault = (LoadCode, usize, String);

/// An object or array that is open where the scan stands.
struct Open {
    /// Elements of an array before this one.
    index: usize,
    /// The key of the member whose value is being read; `None` in an array and before a colon.
    key: Option<Range<usize>>,
    /// The last string seen in it: the key, once a colon follows.
    string: Range<usize>,
    is_object: bool,
}

/// One pass over a text that is known to be JSON.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    let bytes = text.as_bytes();
    let mut open: Vec<Open> = Vec::with_capacity(JSON_DEPTH);
    let mut at = 0_usize;
    while let Some(byte) = bytes.get(at) {
        let mut next = at.saturating_add(1);
        match byte {
            b'{' | b'[' if open.len() >= JSON_DEPTH => {
                return Err((LoadCode::NestingTooDeep, at, pointer(text, &open)));
            }
            b'{' | b'[' => {
                open.push(Open { index: 0, key: None, string: 0..0, is_object: *byte == b'{' });
            }
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                next = string_end(bytes, next)
                    .map_err(|offset| (LoadCode::LoneSurrogate, offset, pointer(text, &open)))?;
                if let Some(inner) = open.last_mut() {
                    inner.string = at..next;
                }
            }
            b':' => {
                if let Some(inner) = open.last_mut() {
                    inner.key = Some(inner.string.clone());
                }
            }
            b',' => {
                if let Some(inner) = open.last_mut() {
                    inner.index = inner.index.saturating_add(1);
                    inner.key = None;
                }
            }
            _ => {}
        }
        at = next;
    }
    Ok(())
}

/// The pointer of the value that is being read; of the object, where that is a key.
fn pointer(text: &str, open: &[Open]) -> String {
    let mut pointer = String::new();
    for inner in open {
        match &inner.key {
            None if inner.is_object => {}
            None => push_index(&mut pointer, inner.index),
            Some(key) => {
                let key = Node(text.get(key.clone()).unwrap_or_default());
                push_step(&mut pointer, &key.string().unwrap_or_default());
            }
        }
    }
    pointer
}

/// The offset after the closing quote of the string whose text starts at `at`, or that of the first
/// escape that is half of a surrogate pair.
fn string_end(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(found) = memchr::memchr2(b'"', b'\\', rest) else { return Ok(bytes.len()) };
        at = at.saturating_add(found);
        if bytes.get(at) == Some(&b'"') {
            return Ok(at.saturating_add(1));
        }
        at = match escaped_unit(bytes, at) {
            Some(0xD800..=0xDBFF) => match escaped_unit(bytes, at.saturating_add(6)) {
                Some(0xDC00..=0xDFFF) => at.saturating_add(12),
                _ => return Err(at),
            },
            Some(0xDC00..=0xDFFF) => return Err(at),
            Some(_) => at.saturating_add(6),
            None => at.saturating_add(2),
        };
    }
}

/// The code unit of a `\u` escape at this offset, if there is one.
pub(super) fn escaped_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at.saturating_add(6))?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0_u32, |unit, digit| Some(unit.wrapping_shl(4) | char::from(*digit).to_digit(16)?))
}
