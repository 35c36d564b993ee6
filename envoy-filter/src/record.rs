//! The record of a decision: one line of JSON for the proxy's log. It never holds raw header text;
//! the only part that a caller chose is the identity, which is cut, and escaped to plain ASCII.

use peergate_core::{Decision, Identity, print};
use std::borrow::Cow;

/// Bytes of an identity in a record.
pub(crate) const IDENTITY_BYTES: usize = 256;

/// `peergate {"decision":…}`. `dropped` records were left out before this one.
pub(crate) fn line(decision: &Decision<'_, '_>, policy: &str, dropped: u64) -> String {
    let mut line = String::from("peergate ");
    let cut = shortened(decision);
    let json = cut.as_ref().unwrap_or(decision).to_json();
    // The host's own fields go before the closing brace.
    push_ascii(&mut line, json.strip_suffix('}').unwrap_or(&json));
    if cut.is_some() {
        line.push_str(",\"identityCut\":true");
    }
    // A policy's name is of the alphabet [a-z0-9-].
    line.push_str(",\"policy\":\"");
    line.push_str(policy);
    line.push('"');
    if dropped > 0 {
        line.push_str(",\"dropped\":");
        print::decimal(&mut line, dropped, 1);
    }
    line.push('}');
    line
}

/// The decision with its identity cut, where that is too long.
fn shortened<'g, 'r>(decision: &'r Decision<'g, 'r>) -> Option<Decision<'g, 'r>> {
    let identity = decision.identity.as_ref()?;
    if identity.name.len() <= IDENTITY_BYTES {
        return None;
    }
    let name = identity.name.get(..identity.name.floor_char_boundary(IDENTITY_BYTES)).unwrap_or("");
    let identity = Some(Identity { kind: identity.kind, name: Cow::Borrowed(name) });
    Some(Decision { identity, ..decision.clone() })
}

/// The caller for an access log of any form: printable ASCII in which no letter ends a quoted text, the
/// rest percent-encoded.
pub(crate) fn for_access_log(identity: &Identity<'_>) -> String {
    let end = identity.name.floor_char_boundary(IDENTITY_BYTES);
    let mut out = String::from(identity.kind.code());
    out.push(':');
    for byte in identity.name.bytes().take(end) {
        if matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'\\' | b'%') {
            out.push(char::from(byte));
        } else {
            print::percent(&mut out, byte);
        }
    }
    out
}

/// Outside ASCII a JSON text has letters in strings only, so each can become an escape there. That
/// leaves no line or paragraph separator and no right-to-left mark to the log.
fn push_ascii(out: &mut String, json: &str) {
    if json.is_ascii() {
        out.push_str(json);
        return;
    }
    for letter in json.chars() {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            let mut units = [0_u16; 2];
            for unit in letter.encode_utf16(&mut units) {
                out.push_str("\\u");
                print::hex(out, &unit.to_be_bytes());
            }
        }
    }
}

/// A line of the host's own, in which nothing can start another line or turn the reading direction.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    let escaped = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if escaped(letter) {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use peergate_core::{IdentityType, Reason, Verdict};

    fn decision(name: &str) -> Decision<'static, '_> {
        Decision {
            verdict: Verdict::Deny { status: 403 },
            reason: Reason::NoRule,
            detail: None,
            rule: None,
            identity: Some(Identity { kind: IdentityType::Cn, name: Cow::Borrowed(name) }),
            verified: Some(true),
            sha256: Some([0x17; 32].into()),
            not_after: None,
            shadow: None,
        }
    }

    #[test]
    fn is_the_decision_and_the_host_fields() {
        let decision = decision("payments");
        let json = decision.to_json();
        let inner = json.strip_suffix('}').unwrap();
        assert_eq!(line(&decision, "orders", 0), format!("peergate {inner},\"policy\":\"orders\"}}"));
        assert_eq!(
            line(&decision, "orders", 7),
            format!("peergate {inner},\"policy\":\"orders\",\"dropped\":7}}")
        );
    }

    #[test]
    fn a_long_identity_is_cut_between_letters() {
        let name = "é".repeat(200);
        let line = line(&decision(&name), "p", 0);
        assert!(line.contains(",\"identityCut\":true"));
        assert_eq!(line.matches("\\u00e9").count(), IDENTITY_BYTES / 2);
        let odd = format!("a{name}");
        let line = super::line(&decision(&odd), "p", 0);
        assert_eq!(line.matches("\\u00e9").count(), IDENTITY_BYTES / 2 - 1, "no half letter");
    }

    #[test]
    fn a_record_is_one_line_of_plain_ascii() {
        let line = line(&decision("a\nb\r\"\\\u{2028}\u{202e}\u{7f}\u{1f600}"), "p", 0);
        assert!(line.bytes().all(|byte| (0x20..0x80).contains(&byte)), "{line}");
        assert!(line.contains("\\u2028\\u202e"), "{line}");
        assert!(line.contains("\\ud83d\\ude00"), "{line}");
    }

    #[test]
    fn an_access_log_cannot_be_written_to() {
        let of = |name: &'static str| for_access_log(&Identity { kind: IdentityType::Cn, name: name.into() });
        assert_eq!(of("a\n\"b\" \\%\u{e9}"), "cn:a%0A%22b%22%20%5C%25%C3%A9");
        let long = Identity { kind: IdentityType::Dns, name: "x".repeat(1000).into() };
        assert_eq!(for_access_log(&long).len(), "dns:".len() + IDENTITY_BYTES);
    }

    #[test]
    fn own_lines_stay_lines() {
        assert_eq!(one_line("/policy/allow"), "/policy/allow");
        assert_eq!(one_line("/a\nb \u{2028}é"), "/a\\nb \\u{2028}é");
    }
}
