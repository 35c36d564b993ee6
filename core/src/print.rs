//! How numbers of a certificate are written for people, and texts in JSON: one spelling for all hosts.

use alloc::string::String;
use core::fmt::Write;

// Writing to a String cannot fail, which is why the results below are dropped.

/// `0x` and lower-case hexadecimal digits, as policies take it; zero is `0x00`.
pub(crate) fn serial_number(serial: &[u8]) -> String {
    let mut out = String::from("0x");
    if serial.is_empty() {
        out.push_str("00");
    }
    for byte in serial {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// A JSON string. Escaped is what JSON demands; the rest stands as it is.
pub(crate) fn json_string(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            letter if letter < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
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
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
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
        fn strings_are_those_of_serde_json(text in "([\\x00-\\x7f]|\\PC|.){0,20}") {
            let mut out = String::new();
            json_string(&mut out, &text);
            prop_assert_eq!(out, serde_json::to_string(&text).unwrap());
        }
    }
}
