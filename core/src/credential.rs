//! One normalised certificate, borrowed from the input. What a source does not know is absent.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::dn::NameText;
use crate::xfcc::{Key, text};

/// A caller's certificate as a source gives it to the policy.
#[derive(Clone, Debug)]
pub struct Credential<'a> {
    /// SHA-256 of the DER.
    pub sha256: [u8; 32],
    /// Whether somebody vouches for it.
    pub verified: bool,
    /// First and last second of its validity, since 1970, both included.
    pub window: Option<(i64, i64)>,
    /// Whether it may sign other certificates.
    pub is_ca: bool,
    /// Its subject, when the source carries it.
    pub subject: Option<NameText<'a>>,
    /// Its subject alternative names.
    pub names: AltNames<'a>,
}

/// Subject alternative names: still in the header, or collected.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "one lives at a time, and a box would allocate for each request"
)]
pub enum AltNames<'a> {
    /// Left where they are; listed only for the kinds that the source is said to carry.
    Xfcc {
        /// The caller's element.
        element: text::Element<'a>,
        /// Whether URI names count.
        uri: bool,
        /// Whether DNS names count.
        dns: bool,
    },
    /// Collected.
    Lists {
        /// URI names.
        uri: Vec<Cow<'a, str>>,
        /// DNS names.
        dns: Vec<Cow<'a, str>>,
    },
}

impl<'a> AltNames<'a> {
    /// No names at all.
    pub const NONE: Self = Self::Lists { uri: Vec::new(), dns: Vec::new() };

    /// URI names in order, the empty one included.
    pub fn uris(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let (element, list) = match self {
            Self::Xfcc { element, uri, .. } => (uri.then_some(element), &[][..]),
            Self::Lists { uri, .. } => (None, uri.as_slice()),
        };
        values(element, Key::Uri).chain(list.iter().cloned())
    }

    /// DNS names in order.
    pub fn dns(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let (element, list) = match self {
            Self::Xfcc { element, dns, .. } => (dns.then_some(element), &[][..]),
            Self::Lists { dns, .. } => (None, dns.as_slice()),
        };
        values(element, Key::Dns).chain(list.iter().cloned())
    }
}

fn values<'a>(element: Option<&text::Element<'a>>, key: Key) -> impl Iterator<Item = Cow<'a, str>> {
    element.copied().into_iter().flat_map(move |element| element.values(key)).map(|value| value.unquoted())
}
