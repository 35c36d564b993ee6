//! Writing names and checking names and SPIFFE IDs, by other means than the readers under test.

use peergate_core::dn::NameText;
use peergate_core::spiffe::SpiffeId;

/// OID, value, whether it starts an RDN.
pub(crate) type Part = (&'static str, String, bool);

/// How a character of a value is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
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

/// Writes a name, each character and keyword in the style that comes up.
pub(crate) fn write_name(attributes: &[Part], styles: &[Style]) -> String {
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

pub(crate) fn canonical(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    NameText::parse(text.as_bytes()).unwrap().write_canonical(&mut out);
    out
}

/// Any text is read in full or refused at a place within it.
pub(crate) fn check_name(text: &[u8]) {
    match NameText::parse(text) {
        Ok(name) => {
            // Every comma and plus outside an escape separates.
            let mut separators = 0;
            let mut escaped = false;
            for byte in text {
                separators += usize::from(!escaped && matches!(byte, b',' | b'+'));
                escaped = !escaped && *byte == b'\\';
            }
            let expected = if text.is_empty() { 0 } else { separators + 1 };
            assert_eq!(name.attributes().count(), expected);
            assert!(name.attributes().next().is_none_or(|first| first.starts_rdn));
            name.write_canonical(&mut Vec::new());
        }
        Err(error) => assert!(error.offset <= text.len()),
    }
}

/// A written name is read back, and its canonical form does not depend on how it was written.
pub(crate) fn check_written_name(parts: &[Part], one: &[Style], other: &[Style]) {
    let text = write_name(parts, one);
    let name = NameText::parse(text.as_bytes()).unwrap();
    let read: Vec<_> = name.attributes().map(|a| (a.ty.oid(), a.value.into_owned(), a.starts_rdn)).collect();
    assert_eq!(read, parts);
    assert_eq!(canonical(&text), canonical(&write_name(parts, other)));
}

/// Any text is read exactly if it is an ID by the rules of the specification.
pub(crate) fn check_id(text: &[u8]) {
    let expected = std::str::from_utf8(text).is_ok_and(is_id);
    match SpiffeId::parse(text) {
        Ok(id) => {
            assert!(expected, "{} was read", id.as_str());
            assert_eq!(id.as_str().as_bytes(), text);
            assert_eq!(id.as_str(), format!("spiffe://{}{}", id.trust_domain(), id.path()));
        }
        Err(error) => {
            assert!(!expected, "{error:?}");
            assert!(error.offset <= text.len());
        }
    }
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
