//! Looking for the end of a run of bytes: the inner loops of the reader.
//!
//! Eight bytes at a time as the lanes of one number. The high bit of a lane marks a byte that ends the
//! run. A subtraction may carry a mark into the lanes above a marked one, never below it, so the lowest
//! mark is exact, and only that one is used.

pub(super) const LANES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where the bare bytes that start at `at` end: at a space, quote, comma, semicolon, or a byte that is
/// refused.
#[inline]
pub(super) fn bare_end(input: &[u8], at: usize) -> usize {
    // All up to the comma, 0x2C, at once: the few bytes among them that do not end the run are rare.
    let suspects = |lanes| below(lanes, 0x2D) | equal(lanes, b';') | above(lanes);
    run_end(input, at, suspects, |byte| matches!(byte, 0x00..=0x20 | b'"' | b',' | b';' | 0x7F..))
}

/// Where the ordinary bytes of a quoted value that start at `at` end: at a quote, a backslash or a
/// byte that is refused.
#[inline]
pub(super) fn quoted_end(input: &[u8], at: usize) -> usize {
    // With bit 1 turned over the quote is 0x20, the bytes below 0x20 are still below it, and no others.
    let turned = |lanes| lanes ^ LANES.wrapping_mul(0x02);
    let suspects = |lanes| below(turned(lanes), 0x21) | equal(lanes, b'\\') | above(lanes);
    run_end(input, at, suspects, |byte| matches!(byte, 0x00..=0x1F | b'"' | b'\\' | 0x7F..))
}

/// Where the whitespace that starts at `at` ends.
#[inline]
pub(super) fn whitespace_end(input: &[u8], at: usize) -> usize {
    let rest = input.get(at..).unwrap_or_default();
    let len = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(rest.len());
    work(len);
    at.wrapping_add(len)
}

/// Finds the first byte that `stop` says ends the run. `suspects` marks all such bytes of eight, and
/// maybe others.
#[inline]
fn run_end(input: &[u8], start: usize, suspects: impl Fn(u64) -> u64, stop: impl Fn(u8) -> bool) -> usize {
    let mut at = start;
    let mut rest = input.get(start..).unwrap_or_default();
    while let Some((lanes, after)) = rest.split_first_chunk::<8>() {
        let marks = suspects(u64::from_le_bytes(*lanes));
        if marks == 0 {
            at = at.wrapping_add(lanes.len());
            rest = after;
            continue;
        }
        let before = (marks.trailing_zeros() >> 3) as usize;
        at = at.wrapping_add(before);
        match rest.get(before..).and_then(<[u8]>::split_first) {
            Some((byte, after)) if !stop(*byte) => {
                at = at.wrapping_add(1);
                rest = after;
            }
            _ => {
                work(at.wrapping_sub(start));
                return at;
            }
        }
    }
    let len = rest.iter().position(|byte| stop(*byte)).unwrap_or(rest.len());
    let end = at.wrapping_add(len);
    work(end.wrapping_sub(start));
    end
}

/// Marks the bytes below `limit`, which is at most 0x80.
#[inline]
const fn below(lanes: u64, limit: u8) -> u64 {
    lanes.wrapping_sub(LANES.wrapping_mul(limit as u64)) & !lanes & HIGH
}

/// Marks the bytes 0x7F and above.
#[inline]
const fn above(lanes: u64) -> u64 {
    (lanes.wrapping_add(LANES) | lanes) & HIGH
}

/// Marks the bytes equal to `byte`.
#[inline]
pub(super) const fn equal(lanes: u64, byte: u8) -> u64 {
    below(lanes ^ LANES.wrapping_mul(byte as u64), 1)
}

/// Counts the bytes looked at, in tests only: they prove that the work is linear.
#[inline]
pub(super) fn work(_bytes: usize) {
    #[cfg(test)]
    super::tests::WORK.with(|work| work.set(work.get().saturating_add(_bytes).saturating_add(1)));
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    /// Every byte behind every other one, in every lane and in the tail.
    #[test]
    fn lanes_agree_with_bytes() {
        for filler in [b'!', b'a', b'~', b'#', b'-', b'[', b']', b':', b'<', b'+'] {
            for byte in 0..=u8::MAX {
                for next in [0x00, 0x20, b'!', b'"', b'a', 0x7F, 0x80, 0xFF, byte] {
                    for at in 0..19 {
                        let mut input: Vec<u8> = Vec::from([filler; 19]);
                        input[at] = byte;
                        if let Some(after) = input.get_mut(at + 1) {
                            *after = next;
                        }
                        let bare =
                            |byte: &u8| !matches!(byte, 0x21 | 0x23..=0x2B | 0x2D..=0x3A | 0x3C..=0x7E);
                        let quoted = |byte: &u8| !matches!(byte, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
                        let expected = |stop: fn(&u8) -> bool| input.iter().position(stop).unwrap_or(19);
                        assert_eq!(super::bare_end(&input, 0), expected(bare), "{input:?}");
                        assert_eq!(super::quoted_end(&input, 0), expected(quoted), "{input:?}");
                    }
                }
            }
        }
    }
}
