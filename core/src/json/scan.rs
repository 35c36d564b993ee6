//! What serde_json does not check while it skips over values: nesting and surrogates.

use crate::limits::JSON_DEPTH;
use crate::load::LoadCode;

/// One pass over a text that is known to be JSON. An error has the byte at which it shows.
pub(super) fn check(text: &str) -> Result<(), (LoadCode, usize)> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0_usize;
    while let Some(byte) = bytes.get(at) {
        let next = at.saturating_add(1);
        at = match byte {
            b'{' | b'[' => {
                depth = depth.saturating_add(1);
                if depth > JSON_DEPTH {
                    return Err((LoadCode::NestingTooDeep, at));
                }
                next
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                next
            }
            b'"' => string_end(bytes, next)?,
            _ => next,
        };
    }
    Ok(())
}

/// The offset after the closing quote of the string whose text starts at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> Result<usize, (LoadCode, usize)> {
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
                _ => return Err((LoadCode::LoneSurrogate, at)),
            },
            Some(0xDC00..=0xDFFF) => return Err((LoadCode::LoneSurrogate, at)),
            Some(_) => at.saturating_add(6),
            None => at.saturating_add(2),
        };
    }
}

/// The code unit of a `\u` escape at this offset, if there is one.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at.saturating_add(6))?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0_u32, |unit, digit| Some(unit.wrapping_shl(4) | char::from(*digit).to_digit(16)?))
}
