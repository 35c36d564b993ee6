//! Values of the universal types that are not made of elements.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::Write;

use super::X509Code::{BadBitString, BadBoolean, BadInteger, BadNull, BadOid, BadString, BadTime};
use super::X509Error;
use super::der::{Element, error};

/// Checks the content of a primitive element of a universal type.
#[inline(never)]
pub(super) fn check(element: &Element<'_>) -> Result<(), X509Error> {
    let content = element.content;
    let (good, code) = match element.tag {
        1 => (matches!(content, [0x00 | 0xFF]), BadBoolean),
        2 | 10 => (is_integer(content), BadInteger),
        3 => (is_bit_string(content), BadBitString),
        5 => (content.is_empty(), BadNull),
        6 => (is_oid(content), BadOid),
        23 | 24 => (is_time(element.tag, content), BadTime),
        // Strings that are not read (GeneralString and its like in a Kerberos name) are left alone.
        tag => (!is_text_type(tag) || text(tag, content).is_some(), BadString),
    };
    if good { Ok(()) } else { Err(error(code, element.content_at)) }
}

/// Whether it is one, and [`oid_text`] has a text for it.
pub(super) fn is_oid(content: &[u8]) -> bool {
    arcs(content, |_| ()).is_some()
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

/// An OID in dotted decimal.
pub(super) fn oid_text(content: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(24);
    arcs(content, |arc| {
        if !out.is_empty() {
            out.push('.');
        }
        match u32::try_from(arc) {
            // Nearly all arcs are small, and a certificate has dozens of them.
            Ok(small) => push_decimal(&mut out, small),
            // Writing to a String cannot fail.
            Err(_) => drop(write!(out, "{arc}")),
        }
    })?;
    Some(out)
}

/// At most ten digits, and so as many calls.
fn push_decimal(out: &mut String, number: u32) {
    if number >= 10 {
        push_decimal(out, number / 10);
    }
    out.extend(char::from_digit(number % 10, 10));
}

/// Gives each arc of an OID to `take`. Arcs of up to 128 bits, which those made from a UUID have.
fn arcs(content: &[u8], mut take: impl FnMut(u128)) -> Option<()> {
    let mut arc: Option<u128> = None;
    let mut is_first = true;
    for byte in content {
        let digit = u128::from(byte & 0x7F);
        let value = match arc {
            None if *byte == 0x80 => return None,
            None => digit,
            Some(high) => high.checked_mul(128)?.checked_add(digit)?,
        };
        if byte & 0x80 != 0 {
            arc = Some(value);
            continue;
        }
        arc = None;
        if is_first {
            // The first two arcs share a number: 40 times the first, at most 2, and the second.
            let root = match value {
                0..40 => 0,
                40..80 => 1,
                _ => 2,
            };
            take(root);
            take(value.checked_sub(root.checked_mul(40)?)?);
            is_first = false;
        } else {
            take(value);
        }
    }
    (arc.is_none() && !is_first).then_some(())
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
        TELETEX => Some(content.iter().copied().map(char::from).collect::<String>().into()),
        UNIVERSAL => {
            let (units, []) = content.as_chunks::<4>() else { return None };
            let chars = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
            chars.collect::<Option<String>>().map(Cow::Owned)
        }
        BMP => {
            let (units, []) = content.as_chunks::<2>() else { return None };
            // Halves of characters beyond the basic plane are no characters of their own.
            let chars = units.iter().map(|unit| char::from_u32(u32::from(u16::from_be_bytes(*unit))));
            chars.collect::<Option<String>>().map(Cow::Owned)
        }
        _ => None,
    }
}

/// `YYMMDDHHMMSSZ` (tag 23) or `YYYYMMDDHHMMSSZ` (tag 24), of a day that the calendar has.
fn is_time(tag: u8, content: &[u8]) -> bool {
    let year_digits = if tag == 23 { 2 } else { 4 };
    let Some((digits, b"Z")) = content.split_at_checked(content.len().saturating_sub(1)) else {
        return false;
    };
    let Some((year, rest)) = digits.split_at_checked(year_digits) else { return false };
    let Some(year) = number(year) else { return false };
    let (pairs, []) = rest.as_chunks::<2>() else { return false };
    let [month, day, hour, minute, second] = pairs else { return false };
    let days = match number(month) {
        Some(1 | 3 | 5 | 7 | 8 | 10 | 12) => 31,
        Some(4 | 6 | 9 | 11) => 30,
        // Of the years that two digits mean, 1950 to 2049, every fourth is a leap year.
        Some(2) if year % 4 == 0 && (tag == 23 || year % 100 != 0 || year % 400 == 0) => 29,
        Some(2) => 28,
        _ => return false,
    };
    number(day).is_some_and(|day| (1..=days).contains(&day))
        && number(hour).is_some_and(|hour| hour < 24)
        && number(minute).is_some_and(|minute| minute < 60)
        && number(second).is_some_and(|second| second < 60)
}

fn number(digits: &[u8]) -> Option<u16> {
    let digit = |value: u16, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u16::from(byte & 0x0F))?;
        value.checked_mul(10)?.checked_add(digit)
    };
    digits.iter().try_fold(0, digit)
}
