//! What a header's value looks like, for people who chose the wrong preset or whose certificate is
//! refused. Nothing is decided by it: this is a guess where core has refused to guess.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use peergate_core::xfcc::text::{Event, Reader};
use peergate_core::xfcc::{Key, json};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// How proxies write a certificate, or what they write of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// PEM, percent-encoded.
    EscapedPem,
    /// The same, with `+`, `=` and `/` as they are.
    LiteralPem,
    /// PEM with spaces for line breaks.
    FoldedPem,
    /// PEM as it stands in files.
    Pem,
    /// Base64 of DER.
    Base64,
    /// The same, percent-encoded.
    EscapedBase64,
    /// An RFC 9440 byte sequence.
    ByteSequence,
    /// Envoy's key-value text.
    XfccText,
    /// Envoy's JSON.
    XfccJson,
}

impl Look {
    /// `None` where nothing is known that looks like this.
    pub(super) fn of(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '"']);
        let escaped = text.contains('%');
        let unescaped = unescape(text);
        if unescaped.starts_with("-----BEGIN") {
            return Some(match () {
                () if escaped && text.contains(['+', '=', '/']) => Self::LiteralPem,
                () if escaped => Self::EscapedPem,
                () if text.contains('\n') => Self::Pem,
                () => Self::FoldedPem,
            });
        }
        if text.starts_with(':') {
            return Some(Self::ByteSequence);
        }
        if text.starts_with('[') {
            return Some(Self::XfccJson);
        }
        // What DER of this size starts with, in base64.
        if unescaped.starts_with("MI") {
            return Some(if escaped { Self::EscapedBase64 } else { Self::Base64 });
        }
        let key = text.split_once('=').map(|(key, _)| key)?;
        let keys = [Key::By, Key::Hash, Key::Cert, Key::Chain, Key::Subject, Key::Uri, Key::Dns];
        keys.iter().any(|own| own.as_str().eq_ignore_ascii_case(key)).then_some(Self::XfccText)
    }

    /// What it is.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::EscapedPem => "percent-encoded PEM",
            Self::LiteralPem => "percent-encoded PEM with + = / left alone",
            Self::FoldedPem => "PEM with spaces for line breaks",
            Self::Pem => "PEM with line breaks",
            Self::Base64 => "base64 of DER",
            Self::EscapedBase64 => "percent-encoded base64 of DER",
            Self::ByteSequence => "a byte sequence (RFC 9440)",
            Self::XfccText => "Envoy's text form",
            Self::XfccJson => "Envoy's JSON form",
        }
    }

    /// Which presets read it.
    pub(super) const fn presets(self) -> &'static str {
        match self {
            Self::EscapedPem => "preset nginx or ingress-nginx",
            Self::LiteralPem => "preset aws-alb or aws-alb-passthrough",
            Self::FoldedPem => "preset apache",
            Self::Pem => "no preset, since no header line can hold it",
            Self::Base64 => "preset traefik, haproxy, azure-app-service or gorouter",
            Self::EscapedBase64 => "preset traefik",
            Self::ByteSequence => "preset rfc9440, caddy or gcp",
            Self::XfccText => "preset envoy",
            Self::XfccJson => "preset envoy with \"format\": \"json\"",
        }
    }
}

/// The DER of the certificates that seem to be in a value, as far as they can be made out.
pub(super) fn certificates(value: &[u8]) -> Vec<Vec<u8>> {
    match Look::of(value) {
        Some(Look::XfccText) => {
            let certs = Reader::new(value).map_while(Result::ok).filter_map(|event| match event {
                Event::Pair(Key::Cert, cert) => Some(cert.unquoted().into_owned()),
                _ => None,
            });
            certs.filter_map(|cert| der(&cert)).collect()
        }
        Some(Look::XfccJson) => {
            let elements = json::parse(value).unwrap_or_default();
            elements.iter().filter_map(|element| der(element.cert.as_deref()?)).collect()
        }
        Some(_) => std::str::from_utf8(value).ok().and_then(der).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The first certificate of a text in any of the forms.
fn der(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_matches([' ', '"']);
    let text = unescape(text);
    let body = match text.split_once(BEGIN) {
        Some((_, rest)) => rest.split_once(END)?.0,
        None => text.split(',').next()?.split(';').next()?.trim_matches(':'),
    };
    let body: String = body.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    BASE64_STANDARD.decode(body).ok().filter(|der| !der.is_empty())
}

/// Escapes decoded, where all of them are whole.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (Some(byte), Some(rest)) = (byte.filter(u8::is_ascii), part.get(2..)) else {
            return Cow::Borrowed(text);
        };
        out.push(char::from(byte));
        out.push_str(rest);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::{BASE64_STANDARD, Engine, Look, certificates};

    const DER: &[u8] = &[0x30, 0x82, 0x01, 0xfb, 0xef, 0xbe, 0xff, 0xff, 0xff, 0x3e];

    fn pem(line_break: &str) -> String {
        let body = BASE64_STANDARD.encode(DER);
        ["-----BEGIN CERTIFICATE-----", &body, "-----END CERTIFICATE-----", ""].join(line_break)
    }

    fn escaped(text: &str, alone: &str) -> String {
        let escape = |letter: char| match letter {
            letter if letter.is_ascii_alphanumeric() || "-._~".contains(letter) || alone.contains(letter) => {
                letter.to_string()
            }
            letter => format!("%{:02X}", u32::from(letter)),
        };
        text.chars().map(escape).collect()
    }

    #[test]
    fn every_form_is_known_and_its_certificate_is_found() {
        let base64 = BASE64_STANDARD.encode(DER);
        assert!(base64.contains('+') && base64.contains('/'), "{base64}");
        let forms = [
            (escaped(&pem("\n"), ""), Look::EscapedPem),
            (escaped(&pem("\n"), "+=/"), Look::LiteralPem),
            (pem(" "), Look::FoldedPem),
            (pem("\n"), Look::Pem),
            (base64.clone(), Look::Base64),
            (format!("\"{base64}\""), Look::Base64),
            (format!("{base64},AAAA"), Look::Base64),
            (escaped(&base64, ""), Look::EscapedBase64),
            (format!(":{base64}:"), Look::ByteSequence),
            (format!(":{base64}:;a=1"), Look::ByteSequence),
            (format!("Hash=00;Cert=\"{}\"", escaped(&pem("\n"), "")), Look::XfccText),
            (serde_json::json!([{"hash": "00", "cert": pem("\n")}]).to_string(), Look::XfccJson),
        ];
        for (value, look) in forms {
            assert_eq!(Look::of(value.as_bytes()), Some(look), "{value}");
            assert_eq!(certificates(value.as_bytes()), [DER], "{value}");
        }
    }

    #[test]
    fn what_is_nothing_of_this_is_nothing() {
        for value in [&b""[..], b"SUCCESS", b"\xff", b"x=1", b"%", b"%zz", b"%e4", b"a%"] {
            assert_eq!(Look::of(value), None, "{}", value.escape_ascii());
            assert_eq!(certificates(value), Vec::<Vec<u8>>::new());
        }
        for broken in ["MII%", "MII?", "-----BEGIN CERTIFICATE-----", "::", "Hash=\"", "[", "-----BEGIN X"] {
            assert_eq!(certificates(broken.as_bytes()), Vec::<Vec<u8>>::new(), "{broken}");
        }
    }
}
