//! Envoy's `x-forwarded-client-cert`: the text form and the JSON form, by grammar only.

pub mod json;
mod print;
pub mod text;

pub use print::{Form, to_json};

use crate::reason::Detail;

/// The seven keys of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A URI name of the proxy's own certificate.
    By,
    /// SHA-256 of the client's certificate.
    Hash,
    /// The client's certificate, percent-encoded PEM.
    Cert,
    /// The client's chain, percent-encoded PEM, leaf first.
    Chain,
    /// The client's subject, RFC 4514.
    Subject,
    /// A URI name of the client's certificate.
    Uri,
    /// A DNS name of the client's certificate.
    Dns,
}

impl Key {
    /// The spelling of Envoy's documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::By => "By",
            Self::Hash => "Hash",
            Self::Cert => "Cert",
            Self::Chain => "Chain",
            Self::Subject => "Subject",
            Self::Uri => "URI",
            Self::Dns => "DNS",
        }
    }
}

/// A header value breaks the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XfccError {
    /// Which rule.
    pub code: Detail,
    /// The byte at which it shows.
    pub offset: usize,
}

/// The code of a byte that no place of either form admits. A tab is one here: the text form reads the
/// whitespace around its commas before it asks.
const fn never_legal(byte: u8) -> Option<Detail> {
    match byte {
        0x20..=0x7E => None,
        0x80..=0xFF => Some(Detail::NonAsciiByte),
        _ => Some(Detail::ControlByte),
    }
}
