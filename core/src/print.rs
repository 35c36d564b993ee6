//! How numbers of a certificate are written for people, and texts in JSON: one spelling for all hosts.
//!
//! By hand and not by `core::fmt`, which takes a multiple of the time: a proxy may log every decision.

use alloc::string::String;

/// `0x` and lower-case hexadecimal digits, as policies take it; zero is `0x00`.
pub(crate) fn serial_number(serial: &[u8]) -> String {
    let mut out = String::from("0x");
    if serial.is_empty() {
        out.push_str("00");
    }
    hex(&mut out, serial);
    out
}

/// Two lower-case hexadecimal digits a byte.
pub fn hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        out.push(digit(byte >> 4, b'a'));
        out.push(digit(byte & 15, b'a'));
    }
}

/// `%` and two upper-case hexadecimal digits (RFC 3986, section 2.1).
pub fn percent(out: &mut String, byte: u8) {
    out.push('%');
    upper_hex(out, byte);
}

/// Two upper-case hexadecimal digits.
pub(crate) fn upper_hex(out: &mut String, byte: u8) {
    out.push(digit(byte >> 4, b'A'));
    out.push(digit(byte & 15, b'A'));
}

const fn digit(value: u8, ten: u8) -> char {
    (if value < 10 { b'0'.wrapping_add(value) } else { ten.wrapping_add(value).wrapping_sub(10) }) as char
}

/// In decimal digits, at least so many.
#[inline(never)]
pub fn decimal(out: &mut String, number: u64, least: usize) {
    // Twenty digits hold every number.
    let mut digits = [b'0'; 20];
    let (mut rest, mut first) = (number, digits.len());
    while rest != 0 || first > 20_usize.saturating_sub(least) {
        let Some(place) = first.checked_sub(1) else { break };
        if let Some(digit) = digits.get_mut(place) {
            *digit = b'0'.wrapping_add((rest % 10) as u8);
        }
        rest /= 10;
        first = place;
    }
    out.push_str(digits.get(first..).and_then(|digits| str::from_utf8(digits).ok()).unwrap_or_default());
}

/// A JSON string. Escaped is what JSON demands; the rest stands as it is.
pub(crate) fn json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    let is_escaped = |byte: u8| byte < b' ' || matches!(byte, b'"' | b'\\');
    while let Some(at) = rest.bytes().position(is_escaped) {
        let (plain, from) = rest.split_at_checked(at).unwrap_or_default();
        out.push_str(plain);
        let mut letters = from.chars();
        match letters.next() {
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\u{c}') => out.push_str("\\f"),
            Some(letter) if letter < ' ' => {
                out.push_str("\\u00");
                hex(out, &[letter as u8]);
            }
            Some(letter) => out.extend(['\\', letter]),
            None => {}
        }
        rest = letters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// A key of the JSON object that `out` ends in, after a comma unless it is the first.
pub(crate) fn json_key(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    json_string(out, name);
    out.push(':');
}

/// A key and its string.
pub(crate) fn json_text(out: &mut String, name: &str, value: &str) {
    json_key(out, name);
    json_string(out, value);
}

/// `2026-11-22T01:02:03Z`. Certificates say years from 0 to 9999.
pub(crate) fn rfc3339(seconds: i64) -> String {
    const DAY: i64 = 24 * 60 * 60;
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let mut out = String::with_capacity(20);
    let parts =
        [(year, 4, '-'), (month, 2, '-'), (day, 2, 'T'), (second / 3600, 2, ':'), (second / 60 % 60, 2, ':')];
    for (number, digits, after) in parts.into_iter().chain([(second % 60, 2, 'Z')]) {
        decimal(&mut out, number.unsigned_abs(), digits);
        out.push(after);
    }
    out
}

/// The date of a day since 1970. Counts from 1 March of the year 0, so that the day that only leap
/// years have is the last of a year, and all months but the last follow one pattern.
fn date(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 400 * 365 + 97;
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    // Days of the era without its leap days: none at the end of 4 years, of 100, of 400.
    let leap_days = (of_era / 1460).saturating_sub(of_era / 36_524).saturating_add(of_era / 146_096);
    let year = of_era.saturating_sub(leap_days) / 365;
    let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
    let of_year = of_era.saturating_sub(before);
    // Five months from March on have 153 days, and so have the next five.
    let month = of_year.saturating_mul(5).saturating_add(2) / 153;
    let day = of_year.saturating_sub(month.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    let (month, next) = if month < 10 { (month.saturating_add(3), 0) } else { (month.saturating_sub(9), 1) };
    (era.saturating_mul(400).saturating_add(year).saturating_add(next), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_those_of_fmt(number in 0_u64.., shift in 0..64_u32, bytes in prop::collection::vec(0_u8.., 0..9)) {
            let number = number >> shift;
            for least in [1, 2, 4, 20] {
                let mut out = String::new();
                decimal(&mut out, number, least);
                prop_assert_eq!(out, alloc::format!("{number:0least$}"));
            }
            let (mut digits, mut escapes) = (String::new(), String::new());
            hex(&mut digits, &bytes);
            bytes.iter().for_each(|byte| percent(&mut escapes, *byte));
            let by_fmt = |one: fn(&u8) -> String| bytes.iter().map(one).collect::<String>();
            prop_assert_eq!(digits, by_fmt(|byte| alloc::format!("{byte:02x}")));
            prop_assert_eq!(escapes, by_fmt(|byte| alloc::format!("%{byte:02X}")));
        }

        #[test]
        fn strings_are_those_of_serde_json(text in "([\\x00-\\x7f]|\\PC|.){0,20}") {
            let mut out = String::new();
            json_string(&mut out, &text);
            prop_assert_eq!(out, serde_json::to_string(&text).unwrap());
        }
    }
}
