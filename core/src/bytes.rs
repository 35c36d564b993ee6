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

/// Hexadecimal digits of either case by their bytes; more than 15 for any other byte.
#[inline]
pub(crate) fn hex_value(byte: u8) -> u8 {
    HEX.get(usize::from(byte)).copied().unwrap_or(NO_DIGIT)
}

/// No digit: none of its four high bits are a digit's.
const NO_DIGIT: u8 = 0xFF;

static CLASSES: [u8; 256] = classes();
static HEX: [u8; 256] = hex();

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

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn hex() -> [u8; 256] {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit as usize] as usize] = digit;
        values[b"0123456789ABCDEF"[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
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
            assert_eq!(
                char.to_digit(16),
                Some(u32::from(hex_value(byte))).filter(|digit| *digit < 16),
                "{char:?}"
            );
        }
    }

    #[test]
    fn a_run_ends_at_the_first_other_byte() {
        assert_eq!(DNS_NAME.run(b"*.a-b_C.9/x"), 9);
        assert_eq!(DNS_NAME.run(b"abc"), 3);
        assert_eq!(DNS_NAME.run(b""), 0);
        assert_eq!(TRUST_DOMAIN.run(b"A"), 0);
    }
}
