//! Which key a pair starts with.

use super::scan;
use crate::xfcc::Key;

/// Letters of the longest key.
const LONGEST: usize = 7;

/// The key at the front of `rest` and how many letters it has, if `rest` starts with a known key and a
/// `=` and is not about to end. Otherwise the letters have to be looked at one by one.
#[inline]
pub(super) fn at_front(rest: &[u8]) -> Option<(Key, usize)> {
    let lanes = u64::from_le_bytes(*rest.first_chunk()?);
    let equals = scan::equal(lanes, b'=');
    if equals == 0 {
        return None;
    }
    // Bits below the mark's lane.
    let bits = equals.trailing_zeros() & !7;
    // Only a letter becomes a letter when bit 5 is set.
    let word = (lanes | scan::LANES.wrapping_mul(0x20)) & !u64::MAX.unbounded_shl(bits);
    Some((known(word)?, (bits >> 3) as usize))
}

/// The key of these letters.
pub(super) fn of(letters: &[u8]) -> Option<Key> {
    if letters.len() > LONGEST {
        return None;
    }
    known(word(letters))
}

/// Letters in lower case as one number, the first in the lowest byte.
const fn word(letters: &[u8]) -> u64 {
    let mut rest = letters;
    let mut word = 0;
    while let [before @ .., last] = rest {
        word = (word << 8) | (*last | 0x20) as u64;
        rest = before;
    }
    word
}

#[inline]
const fn known(word: u64) -> Option<Key> {
    const BY: u64 = word_of(Key::By);
    const HASH: u64 = word_of(Key::Hash);
    const CERT: u64 = word_of(Key::Cert);
    const CHAIN: u64 = word_of(Key::Chain);
    const SUBJECT: u64 = word_of(Key::Subject);
    const URI: u64 = word_of(Key::Uri);
    const DNS: u64 = word_of(Key::Dns);
    Some(match word {
        BY => Key::By,
        HASH => Key::Hash,
        CERT => Key::Cert,
        CHAIN => Key::Chain,
        SUBJECT => Key::Subject,
        URI => Key::Uri,
        DNS => Key::Dns,
        _ => return None,
    })
}

const fn word_of(key: Key) -> u64 {
    word(key.as_str().as_bytes())
}

/// The bit of a key that may stand only once in an element; none for one that may repeat.
#[inline]
pub(super) const fn once(key: Key) -> u8 {
    match key {
        Key::Hash => 1,
        Key::Cert => 2,
        Key::Chain => 4,
        Key::Subject => 8,
        Key::By | Key::Uri | Key::Dns => 0,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const KEYS: [Key; 7] = [Key::By, Key::Hash, Key::Cert, Key::Chain, Key::Subject, Key::Uri, Key::Dns];

    /// Every known key with every byte in every place, and with every byte behind it.
    #[test]
    fn eight_bytes_agree_with_letters() {
        for key in KEYS {
            for at in 0..=key.as_str().len() {
                for byte in 0..=u8::MAX {
                    let mut input = Vec::from(key.as_str().as_bytes());
                    input.extend_from_slice(b"=a;b=c,d");
                    input[at] = byte;
                    let end = input.iter().position(|byte| *byte == b'=').unwrap();
                    let letters = &input[..end];
                    let slow = of(letters).filter(|_| letters.iter().all(u8::is_ascii_alphabetic));
                    assert_eq!(at_front(&input), slow.map(|key| (key, end)), "{input:?}");
                }
            }
        }
    }

    #[test]
    fn the_end_is_left_to_the_letters() {
        assert_eq!(at_front(b"Hash=ab"), None);
        assert_eq!(at_front(b"Hash=abc"), Some((Key::Hash, 4)));
        assert_eq!(at_front(b"subJECT=abc"), Some((Key::Subject, 7)));
        assert_eq!(of(b"uRi"), Some(Key::Uri));
        assert_eq!(of(b"subjects"), None);
        assert_eq!(of(b""), None);
    }
}
