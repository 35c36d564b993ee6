//! IP addresses as text: what the standard library reads, in a fifth of its code.

use alloc::vec::Vec;

/// The bytes of an IPv4 address.
pub(super) fn v4(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4);
    for part in text.split('.') {
        bytes.push(decimal(part)?);
    }
    (bytes.len() == 4).then_some(bytes)
}

/// A number up to 255 without a leading zero.
fn decimal(text: &str) -> Option<u8> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

/// The bytes of an IPv6 address (RFC 4291, section 2.2).
pub(super) fn v6(text: &str) -> Option<Vec<u8>> {
    let shortened = text.as_bytes().windows(2).position(|pair| pair == b"::");
    let Some(gap) = shortened else {
        return groups(text, true).filter(|bytes| bytes.len() == 16);
    };
    let mut bytes = groups(text.get(..gap)?, false)?;
    let tail = groups(text.get(gap.saturating_add(2)..)?, true)?;
    // The gap is at least one group of zeros.
    let zeros = 16_usize.checked_sub(bytes.len())?.checked_sub(tail.len()).filter(|zeros| *zeros >= 2)?;
    bytes.resize(bytes.len().saturating_add(zeros), 0);
    bytes.extend(tail);
    Some(bytes)
}

/// Groups parted by colons, the last of which may be an IPv4 address where the text ends.
fn groups(text: &str, at_end: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(16);
    let mut parts = text.split(':').peekable();
    while let Some(part) = parts.next() {
        if text.is_empty() {
            break;
        }
        let is_hex = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u16::from_str_radix(part, 16) {
            Ok(group) if is_hex => bytes.extend(group.to_be_bytes()),
            _ if at_end && parts.peek().is_none() => bytes.extend(v4(part)?),
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;

    fn agrees(text: &str) {
        let std_v4 = text.parse::<Ipv4Addr>().ok().map(|address| address.octets().to_vec());
        assert_eq!(v4(text), std_v4, "{text}");
        let std_v6 = text.parse::<Ipv6Addr>().ok().map(|address| address.octets().to_vec());
        assert_eq!(v6(text), std_v6, "{text}");
    }

    #[test]
    fn the_odd_ones() {
        for text in [
            "",
            ":",
            "::",
            ":::",
            "::1",
            "1::",
            "1::2::3",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7",
            "::2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "1:2:3:4:5:6:7::8",
            "::1.2.3.4",
            "1:2:3:4:5:6:1.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "1:2:3:4:5::1.2.3.4",
            "1:2:3:4:5:6::1.2.3.4",
            "1.2.3.4::",
            "1.2.3.4::1",
            "::1.2.3.4:5",
            "::00001",
            "::g",
            "::+1",
            "::1%lo",
            "[::1]",
            "+1.2.3.4",
            "1.2.3.4",
            "01.2.3.4",
            "0.0.0.0",
            "00.0.0.0",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "1..2.3",
            "1.2.3.4 ",
            "1.2.3.4/8",
            "0x1.2.3.4",
            "::ffff:1.2.3.4",
            ":1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:",
            "1:::2",
        ] {
            agrees(text);
        }
    }

    proptest! {
        #[test]
        fn reads_what_the_library_reads(
            any in "[0-9a-fA-F:.]{0,20}",
            short in "([0-9]{1,3}[.]){2,4}[0-9]{0,3}",
            long in "([0-9a-f]{0,5}:){0,9}([0-9a-f]{0,5}|[0-9]{1,3}[.][0-9]{1,2}[.]1[.]0)",
        ) {
            agrees(&any);
            agrees(&short);
            agrees(&long);
        }

        #[test]
        fn reads_every_address(v4_bytes: [u8; 4], words: [u16; 8], zero: [bool; 8]) {
            agrees(&Ipv4Addr::from(v4_bytes).to_string());
            let words = core::array::from_fn(|at| if zero[at] { 0 } else { words[at] });
            agrees(&Ipv6Addr::from(words).to_string());
        }
    }
}
