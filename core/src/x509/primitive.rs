//! Values of the universal types that are not made of elements.

use alloc::borrow::Cow;
use alloc::string::String;

use super::X509Code::{BadBitString, BadBoolean, BadInteger, BadNull, BadOid, BadString, BadTime};
use super::der::{Element, Fault, fault};
use crate::print::decimal;

/// Checks the content of a primitive element of a universal type.
#[inline(never)]
pub(super) fn check(element: &Element<'_>) -> Result<(), Fault> {
    let content = element.content;
    let (good, code) = match element.tag {
        1 => (matches!(content, [0x00 | 0xFF]), BadBoolean),
        2 | 10 => (is_integer(content), BadInteger),
        3 => (is_bit_string(content), BadBitString),
        5 => (content.is_empty(), BadNull),
        6 => (is_oid(content), BadOid),
        23 | 24 => (time(element.tag, content).is_some(), BadTime),
        NUMERIC | PRINTABLE | IA5 | VISIBLE => (content.is_ascii(), BadString),
        UTF8 => (core::str::from_utf8(content).is_ok(), BadString),
        // Strings that are not read (GeneralString and its like in a Kerberos name) are left alone.
        tag => (!is_text_type(tag) || text(tag, content).is_some(), BadString),
    };
    if good { Ok(()) } else { Err(fault(code, content)) }
}

/// Whether it is one: arcs of at most 128 bits, which those made from a UUID have, none with a byte in
/// front that says nothing.
pub(super) fn is_oid(content: &[u8]) -> bool {
    let (mut count, mut most) = (0_u8, 0);
    for byte in content {
        if count == 0 {
            // 18 times 7 bits, and two more.
            most = match byte & 0x7F {
                0 if *byte != 0 => return false,
                0..=3 => 19,
                _ => 18,
            };
        }
        if count == most {
            return false;
        }
        count = if byte & 0x80 == 0 { 0 } else { count.saturating_add(1) };
    }
    count == 0 && !content.is_empty()
}

/// Not empty, and no byte in front that only repeats the sign.
const fn is_integer(content: &[u8]) -> bool {
    !matches!(content, [] | [0x00, 0x00..=0x7F, ..] | [0xFF, 0x80..=0xFF, ..])
}

/// The number of unused bits, and the bytes, whose unused bits are zero.
fn is_bit_string(content: &[u8]) -> bool {
    match content {
        [0, ..] => true,
        [unused @ 1..=7, .., last] => last.trailing_zeros() >= u32::from(*unused),
        _ => false,
    }
}

/// Writes an OID in dotted decimal.
pub(super) fn write_oid(content: &[u8], out: &mut String) -> Option<()> {
    if !is_oid(content) {
        return None;
    }
    // The first two arcs share a number: 40 times the first, at most 2, and the second.
    let (root, mut below) = match content.first()? {
        0..40 => ('0', 0),
        40..80 => ('1', 40),
        _ => ('2', 80),
    };
    out.push(root);
    for arc in content.split_inclusive(|byte| byte & 0x80 == 0) {
        out.push('.');
        if arc.len() > 4 {
            write_wide(arc, below, out);
        } else {
            // Nearly all arcs are small, and a certificate has dozens of them.
            let value = arc.iter().fold(0, |value: u64, byte| (value << 7) | u64::from(byte & 0x7F));
            decimal(out, value.saturating_sub(u64::from(below)), 1);
        }
        below = 0;
    }
    Some(())
}

/// Writes an arc of up to 128 bits, less a number that is smaller.
#[cold]
#[inline(never)]
fn write_wide(arc: &[u8], below: u8, out: &mut String) {
    // The lowest first.
    let mut digits = [0_i32; 39];
    for (at, byte) in arc.iter().enumerate() {
        let is_last = at.saturating_add(1) == arc.len();
        let mut carry = i32::from(byte & 0x7F).wrapping_sub(if is_last { i32::from(below) } else { 0 });
        for digit in &mut digits {
            let value = digit.wrapping_mul(128).wrapping_add(carry);
            *digit = value.rem_euclid(10);
            carry = value.div_euclid(10);
        }
    }
    let shown = digits.iter().rev().skip_while(|digit| **digit == 0);
    out.extend(shown.filter_map(|digit| char::from_digit(digit.unsigned_abs(), 10)));
}

const UTF8: u8 = 12;
const NUMERIC: u8 = 18;
const PRINTABLE: u8 = 19;
const TELETEX: u8 = 20;
const IA5: u8 = 22;
const VISIBLE: u8 = 26;
const UNIVERSAL: u8 = 28;
const BMP: u8 = 30;

/// Whether elements with this tag are read as text.
pub(super) const fn is_text_type(tag: u8) -> bool {
    matches!(tag, UTF8 | NUMERIC | PRINTABLE | TELETEX | IA5 | VISIBLE | UNIVERSAL | BMP)
}

/// Whether elements with this tag are the text of an extension.
pub(super) const fn is_extension_text(tag: u8) -> bool {
    matches!(tag, UTF8 | PRINTABLE | IA5)
}

/// The text of a string. A PrintableString may hold any ASCII character: `*` and `@` are common in
/// them, and everybody reads them alike. A TeletexString is Latin-1, as in OpenSSL, BoringSSL and Go.
#[inline(never)]
pub(super) fn text(tag: u8, content: &[u8]) -> Option<Cow<'_, str>> {
    match tag {
        UTF8 => core::str::from_utf8(content).ok().map(Cow::Borrowed),
        NUMERIC | PRINTABLE | IA5 | VISIBLE => {
            core::str::from_utf8(content).ok().filter(|text| text.is_ascii()).map(Cow::Borrowed)
        }
        TELETEX => letters::<1>(content),
        UNIVERSAL => letters::<4>(content),
        // Halves of characters beyond the basic plane are no characters of their own.
        BMP => letters::<2>(content),
        _ => None,
    }
}

/// The text of letters of so many bytes.
fn letters<const BYTES: usize>(content: &[u8]) -> Option<Cow<'_, str>> {
    let (units, []) = content.as_chunks::<BYTES>() else { return None };
    let mut out = String::with_capacity(content.len());
    for unit in units {
        let number = unit.iter().fold(0, |number: u32, byte| (number << 8) | u32::from(*byte));
        out.push(char::from_u32(number)?);
    }
    Some(Cow::Owned(out))
}

/// `YYMMDDHHMMSSZ` (tag 23) or `YYYYMMDDHHMMSSZ` (tag 24), of a day that the calendar has: in seconds
/// since 1970.
pub(super) fn time(tag: u8, content: &[u8]) -> Option<i64> {
    let (digits, [b'Z']) = content.as_chunks::<2>() else { return None };
    let (year, [month, day, hour, minute, second]) = digits.split_last_chunk::<5>()?;
    let year = match (tag, year) {
        // RFC 5280, section 4.1.2.5.1.
        (23, [year]) => match number(year)? {
            year @ 50.. => year.wrapping_add(1900),
            year => year.wrapping_add(2000),
        },
        (24, [century, year]) => number(century)?.wrapping_mul(100).wrapping_add(number(year)?),
        _ => return None,
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (month, day) = (number(month)?, number(day)?);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    let is_time = (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60;
    is_time.then(|| {
        let hours = days_since_1970(year, month, day).wrapping_mul(24).wrapping_add(hour);
        let minutes = i64::from(hours).wrapping_mul(60).wrapping_add(i64::from(minute));
        minutes.wrapping_mul(60).wrapping_add(i64::from(second))
    })
}

/// Counts from 1 March of the year 0, as `print::date` does the other way.
const fn days_since_1970(year: i32, month: i32, day: i32) -> i32 {
    let (year, month) =
        if month > 2 { (year, month.wrapping_sub(3)) } else { (year.wrapping_sub(1), month.wrapping_add(9)) };
    let leap_days = year.div_euclid(4).wrapping_sub(year.div_euclid(100)).wrapping_add(year.div_euclid(400));
    let of_year = month.wrapping_mul(153).wrapping_add(2) / 5;
    let days = year.wrapping_mul(365).wrapping_add(leap_days).wrapping_add(of_year);
    days.wrapping_add(day).wrapping_sub(719_469)
}

/// Two digits.
fn number(digits: &[u8; 2]) -> Option<i32> {
    let [tens, ones] = digits.map(|digit| i32::from(digit.wrapping_sub(b'0')));
    (tens < 10 && ones < 10).then(|| tens.wrapping_mul(10).wrapping_add(ones))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use x509_parser::prelude::FromDer;
    use x509_parser::time::ASN1Time;

    /// What the parser makes of a time, which takes more spellings than there are in DER.
    fn parsed(tag: u8, content: &[u8]) -> Option<i64> {
        let mut der = Vec::from([tag, u8::try_from(content.len()).unwrap()]);
        der.extend_from_slice(content);
        let (rest, time) = ASN1Time::from_der(&der).ok()?;
        rest.is_empty().then(|| time.timestamp())
    }

    #[test]
    fn a_time_is_the_one_that_the_parser_reads() {
        for year in (0..=9999).filter(|year| year % 7 == 0 || year % 100 < 5) {
            for (month, day) in (1..=12).flat_map(|month| [1, 28, 29, 30, 31].map(|day| (month, day))) {
                let generalized = format!("{year:04}{month:02}{day:02}235958Z");
                let own = time(24, generalized.as_bytes());
                assert_eq!(own, parsed(24, generalized.as_bytes()), "{generalized}");
                if (1950..2050).contains(&year) {
                    let utc = generalized.get(2..).unwrap();
                    assert_eq!(time(23, utc.as_bytes()), own, "{utc}");
                    assert_eq!(parsed(23, utc.as_bytes()), own, "{utc}");
                }
            }
        }
        for bad in
            ["19700101000060Z", "19700101006000Z", "19700101240000Z", "19700100000000Z", "19701301000000Z"]
        {
            assert_eq!(time(24, bad.as_bytes()), None, "{bad}");
        }
        for other in
            ["197001010000Z", "19700101000000", "19700101000000z", "19700101000000+0000", "1970010100000/Z"]
        {
            assert_eq!(time(24, other.as_bytes()), None, "{other}");
        }
    }

    /// By the numbers themselves.
    fn dotted(content: &[u8]) -> Option<String> {
        let mut arcs: Vec<u128> = Vec::new();
        let mut arc: Option<u128> = None;
        for byte in content {
            if arc.is_none() && *byte == 0x80 {
                return None;
            }
            let value = arc.unwrap_or(0).checked_mul(128)?.checked_add(u128::from(byte & 0x7F))?;
            arc = Some(value);
            if byte & 0x80 == 0 {
                arcs.extend(arc.take());
            }
        }
        let (first, others) = arcs.split_first().filter(|_| arc.is_none())?;
        let root = (first / 40).min(2);
        let all = [root, first.wrapping_sub(root.wrapping_mul(40))].into_iter().chain(others.iter().copied());
        Some(all.map(|arc| format!("{arc}")).collect::<Vec<_>>().join("."))
    }

    fn agree(content: &[u8]) {
        let mut out = String::new();
        let written = write_oid(content, &mut out).map(|()| out);
        assert_eq!(written, dotted(content), "{content:02X?}");
    }

    #[test]
    fn arcs_have_128_bits() {
        for front in 0..=u8::MAX {
            for length in 16..=20 {
                for end in [0x00, 0x7F, 0x80] {
                    let mut content = alloc::vec![0xFF; length];
                    content[0] = front;
                    content[length - 1] = end;
                    agree(&content);
                    content.insert(0, 0x2A);
                    agree(&content);
                }
            }
            agree(&[front]);
            agree(&[front, 0x01]);
        }
        agree(&[]);
    }

    proptest! {
        #[test]
        fn an_oid_is_written_by_its_numbers(content in proptest::collection::vec(any::<u8>(), 0..24)) {
            agree(&content);
        }
    }
}
