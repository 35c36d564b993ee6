//! Classes of bytes, looked up: one table for all the alphabets that a request's bytes are held to.

/// Bytes of a SPIFFE trust domain: `[a-z0-9._-]`.
pub(crate) const TRUST_DOMAIN: Class = Class(1);
/// Bytes of a segment of a SPIFFE ID's path: `[a-zA-Z0-9._-]`.
pub(crate) const SPIFFE_SEGMENT: Class = Class(1 << 1);
/// Bytes of a DNS name, a wildcard's star among them.
pub(crate) const DNS_NAME: Class = Class(1 << 2);
/// Bytes of a path segment in which no two servers can see anything but themselves: no dot, since of
/// dots alone a segment means something else.
pub(crate) const PLAIN_SEGMENT: Class = Class(1 << 3);
/// Bytes of an attribute's type in a distinguished name.
pub(crate) const ATTRIBUTE_TYPE: Class = Class(1 << 4);
/// Bytes that stand for themselves anywhere in an attribute's value: no space, which must not stand at
/// either end, and no `#`.
pub(crate) const PLAIN_VALUE: Class = Class(1 << 5);

/// A set of bytes.
#[derive(Clone, Copy)]
pub(crate) struct Class(u8);

impl Class {
    /// Whether a byte is in it.
    #[inline]
    pub(crate) fn has(self, byte: u8) -> bool {
        CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & self.0 != 0)
    }

    /// How many bytes at the front are in it.
    #[inline]
    pub(crate) fn run(self, bytes: &[u8]) -> usize {
        bytes.iter().position(|byte| !self.has(*byte)).unwrap_or(bytes.len())
    }
}

/// Whether a part is in a text. `str::contains` brings a search for long texts, even for one character,
/// and what to say of a text that was cut within a character.
#[inline(never)]
pub(crate) fn contains(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len().max(1)).any(|window| window == part.as_bytes())
}

/// The bytes that eight hexadecimal digits of either case spell. All eight at once, each in a lane of
/// one number: no sum here is more than a lane holds.
#[inline]
pub(crate) fn four_bytes(digits: [u8; 8]) -> Option<[u8; 4]> {
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    /// The high bit of each lane that is at least `least`.
    const fn from(lanes: u64, least: u8) -> u64 {
        lanes.wrapping_add(all(0x80_u8.wrapping_sub(least)))
    }
    let lanes = u64::from_le_bytes(digits);
    let lower = lanes | all(0x20);
    let is_digit = from(lanes, b'0') & !from(lanes, b':');
    let is_letter = from(lower, b'a') & !from(lower, b'g') & all(0x80);
    if (lanes & all(0x80)) != 0 || (is_digit | is_letter) & all(0x80) != all(0x80) {
        return None;
    }
    // A letter's low half counts from 1.
    let values = (lanes & all(0x0F)).wrapping_add((is_letter >> 7).wrapping_mul(9));
    let [first, _, second, _, third, _, fourth, _] = ((values << 4) | (values >> 8)).to_le_bytes();
    Some([first, second, third, fourth])
}

static CLASSES: [u8; 256] = classes();

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < classes.len() {
        #[allow(clippy::cast_possible_truncation, reason = "below 256")]
        let byte = at as u8;
        let punctuation = matches!(byte, b'.' | b'-' | b'_');
        let alphanumeric = byte.is_ascii_alphanumeric();
        let sets = [
            (TRUST_DOMAIN, byte.is_ascii_lowercase() || byte.is_ascii_digit() || punctuation),
            (SPIFFE_SEGMENT, alphanumeric || punctuation),
            (DNS_NAME, alphanumeric || punctuation || byte == b'*'),
            (
                PLAIN_SEGMENT,
                byte.is_ascii_graphic() && !matches!(byte, b'.' | b'/' | b'%' | b';' | b'#' | b'\\'),
            ),
            (ATTRIBUTE_TYPE, alphanumeric || matches!(byte, b'.' | b'-')),
            (PLAIN_VALUE, !matches!(byte, b' ' | b'#' | b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | 0)),
        ];
        let mut set = 0;
        while set < sets.len() {
            let (Class(bit), is_in) = sets[set];
            if is_in {
                classes[at] |= bit;
            }
            set += 1;
        }
        at += 1;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_alphabets() {
        for byte in 0..=u8::MAX {
            let char = char::from(byte);
            let spiffe = byte.is_ascii_alphanumeric() || ".-_".contains(char);
            assert_eq!(SPIFFE_SEGMENT.has(byte), spiffe, "{char:?}");
            assert_eq!(TRUST_DOMAIN.has(byte), spiffe && !byte.is_ascii_uppercase(), "{char:?}");
            assert_eq!(DNS_NAME.has(byte), spiffe || char == '*', "{char:?}");
            assert_eq!(ATTRIBUTE_TYPE.has(byte), spiffe && char != '_', "{char:?}");
            assert_eq!(
                PLAIN_SEGMENT.has(byte),
                matches!(byte, 0x21..=0x7E) && !"./%;#\\".contains(char),
                "{char:?}"
            );
            assert_eq!(PLAIN_VALUE.has(byte), !"\0 #\"+,;<>\\".contains(char), "{char:?}");
        }
    }

    #[test]
    fn a_run_ends_at_the_first_other_byte() {
        assert_eq!(DNS_NAME.run(b"*.a-b_C.9/x"), 9);
        assert_eq!(DNS_NAME.run(b"abc"), 3);
        assert_eq!(DNS_NAME.run(b""), 0);
        assert_eq!(TRUST_DOMAIN.run(b"A"), 0);
    }

    #[test]
    fn eight_digits_are_four_bytes() {
        assert_eq!(four_bytes(*b"0123abFf"), Some([0x01, 0x23, 0xAB, 0xFF]));
        for at in 0..8 {
            for byte in 0..=u8::MAX {
                let mut digits = *b"97aAfF00";
                digits[at] = byte;
                let text = digits.is_ascii().then(|| core::str::from_utf8(&digits).unwrap());
                let number =
                    text.filter(|text| !text.contains('+')).map(|text| u32::from_str_radix(text, 16));
                let expected = number.and_then(Result::ok).map(u32::to_be_bytes);
                assert_eq!(four_bytes(digits), expected, "{digits:?}");
            }
        }
    }
}
