//! A name in DER to the RFC 4514 text that OpenSSL and BoringSSL print with `XN_FLAG_RFC2253`: the
//! last RDN first, bytes beyond ASCII escaped, values of unknown types in hexadecimal. So a name that
//! comes in a certificate is spelled like the same name in a proxy's header.

use alloc::string::String;

use super::Name;
use super::primitive;
use crate::bytes::PLAIN_VALUE;
use crate::dn::{NameText, printed_keyword};
use crate::print::upper_hex;

/// An attribute in DER.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'a> {
    /// The content of its OID.
    pub(super) oid: &'a [u8],
    /// The identifier byte of its value.
    pub(super) tag: u8,
    /// The content of its value.
    pub(super) value: &'a [u8],
    /// Whether it is in the RDN of the attribute before it.
    pub(super) same_rdn: bool,
}

/// Room for a name as most are.
const TYPICAL_BYTES: usize = 96;

/// The name of these attributes, which stand in the order of the certificate.
pub(super) fn name<'a>(attributes: impl DoubleEndedIterator<Item = Attribute<'a>>) -> Option<Name> {
    let mut out = String::with_capacity(TYPICAL_BYTES);
    let mut separator = "";
    for attribute in attributes.rev() {
        out.push_str(separator);
        write_attribute(&attribute, &mut out)?;
        separator = if attribute.same_rdn { "+" } else { "," };
    }
    NameText::parse_str(&out).ok()?;
    Some(Name(out))
}

fn write_attribute(attribute: &Attribute<'_>, out: &mut String) -> Option<()> {
    let start = out.len();
    primitive::write_oid(attribute.oid, out)?;
    let text = match out.get(start..).and_then(printed_keyword) {
        Some((keyword, capitals)) => {
            out.truncate(start);
            out.push_str(keyword);
            if let Some(written) = out.get_mut(start..).filter(|_| capitals) {
                written.make_ascii_uppercase();
            }
            primitive::text(attribute.tag, attribute.value)
        }
        None => None,
    };
    out.push('=');
    match text {
        Some(text) => write_text(&text, out),
        None => write_der(attribute, out),
    }
    Some(())
}

fn write_text(text: &str, out: &mut String) {
    let last = text.len().saturating_sub(1);
    let is_plain = |at: usize, byte: u8| match byte {
        // Neither of them in front, and no space at the end.
        b' ' => at != 0 && at != last,
        b'#' => at != 0,
        byte => matches!(byte, 0x20..=0x7E) && PLAIN_VALUE.has(byte),
    };
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if is_plain(at, byte) {
            continue;
        }
        // What is not ASCII is written byte by byte, and so never stands between two of these.
        out.push_str(text.get(start..at).unwrap_or_default());
        start = at.saturating_add(1);
        out.push('\\');
        match byte {
            0x20..=0x7E => out.push(char::from(byte)),
            _ => upper_hex(out, byte),
        }
    }
    out.push_str(text.get(start..).unwrap_or_default());
}

/// `#` and the whole element, with the length that the walk has seen to be minimal.
fn write_der(attribute: &Attribute<'_>, out: &mut String) {
    out.push('#');
    upper_hex(out, attribute.tag);
    // Below 64 KiB, as all that is read.
    let [.., high, low] = attribute.value.len().to_be_bytes();
    if high != 0 {
        [0x82, high].into_iter().for_each(|byte| upper_hex(out, byte));
    } else if low > 0x7F {
        upper_hex(out, 0x81);
    }
    upper_hex(out, low);
    for byte in attribute.value {
        upper_hex(out, *byte);
    }
}
