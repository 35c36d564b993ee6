//! A header's value to the DER of a certificate.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::form::{CertificateForm, Encoding, Percent};
use super::structured;
use crate::pem::{self, Blocks, Breaks};
use crate::reason::Detail;
use crate::target::hex_digit;

/// The DER of the certificate in a value that is neither empty nor one of the form's absent ones.
///
/// # Errors
/// `unexpected_format`, `bad_encoding`, `bad_certificate`.
pub(crate) fn certificate(form: &CertificateForm, value: &[u8]) -> Result<Vec<u8>, Detail> {
    let value = if form.quotes { without_quotes(value)? } else { value };
    if Format::seen(value).is_some_and(|seen| !seen.is_of(form)) {
        return Err(Detail::UnexpectedFormat);
    }
    let value =
        if form.first_of_list { unescaped_list(form.percent, value)? } else { percent(form.percent, value)? };
    let value = if form.first_of_list { first_of_list(&value)? } else { &value };
    let der = match form.encoding {
        Encoding::Pem => pem::read(value, Breaks::Lines, Blocks::One)?,
        Encoding::PemFolded => pem::read(value, Breaks::Folded, Blocks::One)?,
        Encoding::PemChain => pem::read(value, Breaks::Lines, Blocks::Several)?,
        Encoding::Base64 => STANDARD.decode(value).map_err(|_| Detail::BadEncoding)?,
        Encoding::ByteSequence => structured::byte_sequence(value).ok_or(Detail::BadEncoding)?,
    };
    if der.is_empty() { Err(Detail::BadEncoding) } else { Ok(der) }
}

/// The value, or what stands between the quotes around it.
fn without_quotes(value: &[u8]) -> Result<&[u8], Detail> {
    match value {
        [b'"', inner @ .., b'"'] => Ok(inner),
        [b'"', ..] => Err(Detail::BadEncoding),
        _ => Ok(value),
    }
}

/// What a value plainly is, whatever it should be: so that a wrong preset is told from a wrong value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Pem,
    EscapedPem,
    /// With plus signs for the spaces of its armour.
    FormPem,
    Base64,
    ByteSequence,
    Xfcc,
}

impl Format {
    fn seen(value: &[u8]) -> Option<Self> {
        const ARMOUR: &[u8] = b"-----BEGIN";
        if let Some(rest) = value.strip_prefix(ARMOUR) {
            return Some(match rest.first() {
                Some(b'%') => Self::EscapedPem,
                Some(b'+') => Self::FormPem,
                _ => Self::Pem,
            });
        }
        match value {
            [b'%', b'2', b'D' | b'd', ..] => Some(Self::EscapedPem),
            [b':', ..] => Some(Self::ByteSequence),
            // A sequence of 256 bytes to 64 KiB.
            [b'M', b'I', b'I', ..] => Some(Self::Base64),
            [b'[', b'{', ..] => Some(Self::Xfcc),
            _ => {
                let (key, _) = value.split_at_checked(value.iter().position(|byte| *byte == b'=')?)?;
                let keys: [&[u8]; 7] = [b"by", b"hash", b"cert", b"chain", b"subject", b"uri", b"dns"];
                keys.iter().any(|name| key.eq_ignore_ascii_case(name)).then_some(Self::Xfcc)
            }
        }
    }

    /// Whether a form may look so.
    fn is_of(self, form: &CertificateForm) -> bool {
        match (form.encoding, form.percent) {
            (Encoding::Base64, _) => self == Self::Base64,
            (Encoding::ByteSequence, _) => self == Self::ByteSequence,
            (_, Percent::None) => self == Self::Pem,
            (_, Percent::Form) => matches!(self, Self::EscapedPem | Self::FormPem),
            (_, Percent::IfEscaped) => matches!(self, Self::Pem | Self::EscapedPem | Self::FormPem),
            (_, Percent::Component | Percent::Literal) => self == Self::EscapedPem,
        }
    }
}

/// Takes a percent-encoding off.
///
/// # Errors
/// `bad_encoding` for a bad escape, and for a byte that the encoding escapes.
pub(crate) fn percent(dialect: Percent, value: &[u8]) -> Result<Cow<'_, [u8]>, Detail> {
    let dialect = settled(dialect, value);
    if dialect == Percent::None {
        return Ok(Cow::Borrowed(value));
    }
    let literal = match dialect {
        Percent::Literal => &LITERAL,
        Percent::Form => &FORM,
        _ => &COMPONENT,
    };
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    loop {
        let is_literal = |byte: &u8| literal.get(usize::from(*byte)).is_some_and(|literal| *literal);
        let run = rest.iter().position(|byte| !is_literal(byte)).unwrap_or(rest.len());
        let (run, escaped) = rest.split_at_checked(run).unwrap_or_default();
        out.extend_from_slice(run);
        rest = match escaped {
            [] => return Ok(Cow::Owned(out)),
            [b'%', high, low, after @ ..] => {
                let digit = |byte: u8| hex_digit(byte).ok_or(Detail::BadEncoding);
                out.push((digit(*high)? << 4) | digit(*low)?);
                after
            }
            [b'+', after @ ..] if dialect == Percent::Form => {
                out.push(b' ');
                after
            }
            _ => return Err(Detail::BadEncoding),
        };
    }
}

/// The encoding of a whole value, which decides whether it has one.
fn settled(dialect: Percent, value: &[u8]) -> Percent {
    match dialect {
        Percent::IfEscaped if memchr::memchr(b'%', value).is_some() => Percent::Form,
        Percent::IfEscaped => Percent::None,
        dialect => dialect,
    }
}

/// The bytes that stand for themselves in each encoding.
const COMPONENT: [bool; 256] = literals(b"");
const LITERAL: [bool; 256] = literals(b"+=/");
/// Forms leave `*` alone and escape `~`, but both mean themselves.
const FORM: [bool; 256] = literals(b"*");

/// RFC 3986, section 2.3: unreserved; and some more.
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn literals(more: &[u8]) -> [bool; 256] {
    let mut literal = [false; 256];
    let mut byte = 0;
    while byte < literal.len() {
        #[allow(clippy::cast_possible_truncation, reason = "below 256")]
        let is_unreserved =
            matches!(byte as u8, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~');
        literal[byte] = is_unreserved;
        byte += 1;
    }
    let mut at = 0;
    while at < more.len() {
        literal[more[at] as usize] = true;
        at += 1;
    }
    literal
}

/// Takes a percent-encoding off a comma list: off its members, or off the commas, too. Both are
/// written, and base64 has no comma that could be meant otherwise.
fn unescaped_list(dialect: Percent, value: &[u8]) -> Result<Cow<'_, [u8]>, Detail> {
    // Of one list all members are escaped, or none.
    let dialect = settled(dialect, value);
    if dialect == Percent::None || memchr::memchr(b',', value).is_none() {
        return percent(dialect, value);
    }
    let members = value.split(|byte| *byte == b',').map(|member| percent(dialect, member));
    let members = members.collect::<Result<Vec<_>, _>>()?;
    Ok(Cow::Owned(members.join(&b',')))
}

/// The first member of a comma list of base64 texts, all of which must be some.
fn first_of_list(value: &[u8]) -> Result<&[u8], Detail> {
    let mut members = value.split(|byte| *byte == b',');
    let first = members.next().unwrap_or_default();
    for member in members {
        if member.is_empty() || STANDARD.decode(member).is_err() {
            return Err(Detail::BadEncoding);
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(dialect: Percent, value: &str) -> Option<Vec<u8>> {
        percent(dialect, value.as_bytes()).ok().map(Cow::into_owned)
    }

    #[test]
    fn each_dialect_reads_its_own_writing_only() {
        use Percent::{Component, Form, IfEscaped, Literal, None as Plain};
        for (value, plain, component, literal, form, if_escaped) in [
            ("a-._~9", Some("a-._~9"), Some("a-._~9"), Some("a-._~9"), Some("a-._~9"), Some("a-._~9")),
            ("%2B%2f%3D", Some("%2B%2f%3D"), Some("+/="), Some("+/="), Some("+/="), Some("+/=")),
            ("+/=", Some("+/="), None, Some("+/="), None, Some("+/=")),
            ("a+b", Some("a+b"), None, Some("a+b"), Some("a b"), Some("a+b")),
            ("a+%2B", Some("a+%2B"), None, Some("a++"), Some("a +"), Some("a +")),
            ("%", Some("%"), None, None, None, None),
            ("%2", Some("%2"), None, None, None, None),
            ("%G0", Some("%G0"), None, None, None, None),
            ("a b", Some("a b"), None, None, None, Some("a b")),
        ] {
            let expected = [(Plain, plain), (Component, component), (Literal, literal), (Form, form)];
            for (dialect, expected) in expected.into_iter().chain([(IfEscaped, if_escaped)]) {
                assert_eq!(decoded(dialect, value), expected.map(|text| text.into()), "{dialect:?} {value}");
            }
        }
    }

    #[test]
    fn what_a_value_plainly_is() {
        for (value, format) in [
            ("-----BEGIN CERTIFICATE-----", Some(Format::Pem)),
            ("-----BEGIN%20CERTIFICATE-----", Some(Format::EscapedPem)),
            ("-----BEGIN+CERTIFICATE-----%0A", Some(Format::FormPem)),
            ("%2D%2D%2D%2D%2DBEGIN", Some(Format::EscapedPem)),
            ("MIIB", Some(Format::Base64)),
            (":MIIB:", Some(Format::ByteSequence)),
            ("hash=a", Some(Format::Xfcc)),
            ("[{\"hash\"", Some(Format::Xfcc)),
            ("MH0=", None),
            ("", None),
        ] {
            assert_eq!(Format::seen(value.as_bytes()), format, "{value}");
        }
    }

    #[test]
    fn a_list_is_escaped_by_its_members_or_whole() {
        use Percent::{Component, IfEscaped, None as Plain};
        let list = |dialect, value: &'static str| unescaped_list(dialect, value.as_bytes()).ok();
        for (dialect, value, decoded) in [
            (IfEscaped, "AA%3D%3D,AQ%3D%3D", Some("AA==,AQ==")),
            (IfEscaped, "AA%3D%3D%2CAQ%3D%3D", Some("AA==,AQ==")),
            (IfEscaped, "AAEC,AQ%3D%3D", Some("AAEC,AQ==")),
            (IfEscaped, "A+==,AQ==", Some("A+==,AQ==")),
            // Escaped once, so everywhere: the plus is a space, which is no base64.
            (IfEscaped, "A+EC,AQ%3D%3D", Some("A EC,AQ==")),
            (IfEscaped, "AA==,AQ%3D%3D", None),
            (Component, "AA%3D%3D,AQ%3D%3D", Some("AA==,AQ==")),
            (Component, "AA==,AQ%3D%3D", None),
            (Plain, "AA==,AQ==", Some("AA==,AQ==")),
        ] {
            assert_eq!(list(dialect, value).as_deref(), decoded.map(str::as_bytes), "{dialect:?} {value}");
        }
    }

    #[test]
    fn the_others_of_a_list_count_too() {
        assert_eq!(first_of_list(b"AAEC"), Ok(&b"AAEC"[..]));
        assert_eq!(first_of_list(b"AAEC,AA=="), Ok(&b"AAEC"[..]));
        for bad in ["AAEC,", "AAEC,,AA==", "AAEC, AA==", "AAEC,AA="] {
            assert_eq!(first_of_list(bad.as_bytes()), Err(Detail::BadEncoding), "{bad}");
        }
    }
}
