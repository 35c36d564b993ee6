//! Properties of names and SPIFFE IDs over random and generated texts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use peergate_core::dn::NameText;
use peergate_core::spiffe::SpiffeId;
use proptest::prelude::*;
use proptest::sample::select;

const NAME_PIECES: &[&str] = &[
    "CN", "cn", "O", "2.5.4.3", "1.2", "XX", "=", ",", "+", "a", " ", "\\", "\\,", "\\20", "\\C3\\B6",
    "\\C3", "\\00", "#", "#0C0141", "#0500", "\"", ";", "<", "é", "\0", "\\\\", "\\#",
];

const ID_PIECES: &[&str] = &[
    "spiffe://",
    "td",
    "a",
    "/",
    "//",
    ".",
    "..",
    "/.",
    "A",
    "-",
    "_",
    "%",
    ":",
    "@",
    "?",
    "#",
    " ",
    "é",
    "\0",
];

/// How a character of a value is written.
#[derive(Clone, Copy, Debug)]
enum Style {
    Shortest,
    Backslash,
    Hex,
}

const SPECIAL: &[char] = &['"', '+', ',', ';', '<', '>', '\\'];

fn write_value(value: &str, styles: &[Style], out: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, c) in value.chars().enumerate() {
        let edge = (index == 0 && (c == ' ' || c == '#')) || (index == last && c == ' ');
        let escapable = SPECIAL.contains(&c) || matches!(c, ' ' | '#' | '=');
        match styles[index % styles.len()] {
            Style::Backslash if escapable => out.extend(['\\', c]),
            Style::Shortest if SPECIAL.contains(&c) || edge => out.extend(['\\', c]),
            Style::Shortest | Style::Backslash if c != '\0' && !edge && !SPECIAL.contains(&c) => out.push(c),
            _ => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    out.push_str(&format!("\\{byte:02x}"));
                }
            }
        }
    }
}

fn styles() -> impl Strategy<Value = Vec<Style>> {
    prop::collection::vec(select(&[Style::Shortest, Style::Backslash, Style::Hex][..]), 1..6)
}

fn attribute() -> impl Strategy<Value = (&'static str, String, bool)> {
    let oid = select(&["2.5.4.3", "2.5.4.10", "0.9.2342.19200300.100.1.25", "1.2.3.4"][..]);
    (oid, prop_oneof!["[ -~]{0,12}", "\\PC{0,6}", any::<String>()], any::<bool>())
}

fn write_name(attributes: &[(&str, String, bool)], styles: &[Style]) -> String {
    let mut out = String::new();
    for (index, (oid, value, starts_rdn)) in attributes.iter().enumerate() {
        if index > 0 {
            out.push(if *starts_rdn { ',' } else { '+' });
        }
        let keyword = match (*oid, styles[index % styles.len()]) {
            ("2.5.4.3", Style::Shortest) => "CN",
            ("2.5.4.10", Style::Backslash) => "o",
            ("0.9.2342.19200300.100.1.25", Style::Hex) => "Dc",
            (oid, _) => oid,
        };
        out.push_str(keyword);
        out.push('=');
        write_value(value, styles, &mut out);
    }
    out
}

fn canonical(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    NameText::parse(text.as_bytes()).unwrap().write_canonical(&mut out);
    out
}

/// The rules of SPIFFE-ID, by splitting.
fn is_id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("spiffe://") else { return false };
    let mut parts = rest.split('/');
    let domain = parts.next().unwrap();
    let domain_ok = !domain.is_empty()
        && domain.len() <= 255
        && domain.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
    let path_ok = parts.all(|segment| {
        !["", ".", ".."].contains(&segment)
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    });
    domain_ok && path_ok && text.len() <= 2048
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_name_or_not(pieces in prop::collection::vec(select(NAME_PIECES), 0..16), bytes in prop::collection::vec(any::<u8>(), 0..32)) {
        for text in [pieces.concat().as_bytes(), &bytes, &[b"CN=", bytes.as_slice()].concat()] {
            match NameText::parse(text) {
                Ok(name) => {
                    // Every character outside escapes that separates, separates.
                    let mut separators = 0;
                    let mut escaped = false;
                    for byte in text {
                        separators += usize::from(!escaped && matches!(byte, b',' | b'+'));
                        escaped = !escaped && *byte == b'\\';
                    }
                    let expected = if text.is_empty() { 0 } else { separators + 1 };
                    prop_assert_eq!(name.attributes().count(), expected);
                    prop_assert_eq!(name.attributes().next().is_none_or(|first| first.starts_rdn), true);
                    name.write_canonical(&mut Vec::new());
                }
                Err(error) => prop_assert!(error.offset <= text.len()),
            }
        }
    }

    #[test]
    fn written_names_are_read_back(mut attributes in prop::collection::vec(attribute(), 1..5), one in styles(), other in styles()) {
        attributes[0].2 = true;
        let text = write_name(&attributes, &one);
        let name = NameText::parse(text.as_bytes()).unwrap();
        let read: Vec<_> = name.attributes().map(|a| (a.ty.oid().to_owned(), a.value.into_owned(), a.starts_rdn)).collect();
        let expected: Vec<_> = attributes.iter().map(|(oid, value, rdn)| ((*oid).to_owned(), value.clone(), *rdn)).collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(canonical(&text), canonical(&write_name(&attributes, &other)));
    }

    #[test]
    fn different_names_differ(one in prop::collection::vec(attribute(), 1..4), other in prop::collection::vec(attribute(), 1..4)) {
        // As a reader of structures sees them: RDNs as sorted lists.
        let rdns = |attributes: &[(&'static str, String, bool)]| {
            let mut rdns: Vec<Vec<(&str, String)>> = Vec::new();
            for (index, (oid, value, starts)) in attributes.iter().enumerate() {
                if index == 0 || *starts {
                    rdns.push(Vec::new());
                }
                rdns.last_mut().unwrap().push((oid, value.clone()));
            }
            rdns.iter_mut().for_each(|rdn| rdn.sort());
            rdns
        };
        let plain = [Style::Shortest];
        let same = canonical(&write_name(&one, &plain)) == canonical(&write_name(&other, &plain));
        prop_assert_eq!(same, rdns(&one) == rdns(&other));
    }

    #[test]
    fn any_text_is_an_id_or_not(pieces in prop::collection::vec(select(ID_PIECES), 0..12), prefixed in any::<bool>()) {
        let text = if prefixed { format!("spiffe://td{}", pieces.concat()) } else { pieces.concat() };
        match SpiffeId::parse(text.as_bytes()) {
            Ok(id) => {
                prop_assert!(is_id(&text), "{} was read", text);
                prop_assert_eq!(id.as_str(), &text);
            }
            Err(error) => {
                prop_assert!(!is_id(&text), "{} was refused: {:?}", text, error);
                prop_assert!(error.offset <= text.len());
            }
        }
    }

    #[test]
    fn any_bytes_are_no_id(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
        for text in [&bytes[..], &[b"spiffe://", &bytes[..]].concat()] {
            let expected = std::str::from_utf8(text).is_ok_and(is_id);
            prop_assert_eq!(SpiffeId::parse(text).is_ok(), expected);
        }
    }
}
