//! One normalised certificate, borrowed from the input. What a source does not know is absent.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::dn::NameText;
use crate::xfcc::{Key, text};

/// A caller's certificate as a source gives it to the policy.
#[derive(Clone, Debug)]
pub struct Credential<'a> {
    /// SHA-256 of the DER.
    pub sha256: Option<[u8; 32]>,
    /// Whether somebody vouches for it.
    pub verified: bool,
    /// First and last second of its validity, since 1970, both included.
    pub window: Option<(i64, i64)>,
    /// Whether it may sign other certificates.
    pub is_ca: bool,
    /// Its subject, when the source carries it.
    pub subject: Option<NameText<'a>>,
    /// Its issuer.
    pub issuer: Option<NameText<'a>>,
    /// Its serial number: big-endian without leading zero bytes.
    pub serial: Option<&'a [u8]>,
    /// Its subject alternative names.
    pub names: AltNames<'a>,
    /// Its extensions.
    pub extensions: &'a [Extension],
}

/// A subject alternative name. The texts hold bytes from 0x20 to 0x7E only, and may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AltName {
    /// A URI.
    Uri(Box<str>),
    /// A DNS name; whether it is one that a policy may compare is for the source to say.
    Dns(Box<str>),
    /// An IP address.
    Ip(IpAddr),
    /// An email address.
    Email(Box<str>),
}

/// The notation of policies: `URI:`, `DNS:`, `IP:` or `email:` and the value.
impl core::fmt::Display for AltName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Uri(text) => write!(f, "URI:{text}"),
            Self::Dns(text) => write!(f, "DNS:{text}"),
            Self::Ip(address) => write!(f, "IP:{address}"),
            Self::Email(text) => write!(f, "email:{text}"),
        }
    }
}

/// An extension of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Extension {
    /// Its OID, dotted.
    pub oid: Box<str>,
    /// Whether it must be understood.
    pub critical: bool,
    /// Its text, if its value is exactly one `UTF8String`, `IA5String` or `PrintableString`.
    pub text: Option<Box<str>>,
}

/// Subject alternative names: still in the header, collected from headers, or in a certificate.
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
    /// Those of a certificate.
    Whole(&'a [AltName]),
}

impl<'a> AltNames<'a> {
    /// No names at all.
    pub const NONE: Self = Self::Whole(&[]);

    /// URI names in order, the empty one included.
    pub fn uris(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let (element, list) = match self {
            Self::Xfcc { element, uri, .. } => (uri.then_some(element), &[][..]),
            Self::Lists { uri, .. } => (None, uri.as_slice()),
            Self::Whole(_) => (None, &[][..]),
        };
        let whole = self.whole().iter().filter_map(|name| match name {
            AltName::Uri(uri) => Some(Cow::Borrowed(&**uri)),
            _ => None,
        });
        values(element, Key::Uri).chain(list.iter().cloned()).chain(whole)
    }

    /// DNS names in order.
    pub fn dns(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let (element, list) = match self {
            Self::Xfcc { element, dns, .. } => (dns.then_some(element), &[][..]),
            Self::Lists { dns, .. } => (None, dns.as_slice()),
            Self::Whole(_) => (None, &[][..]),
        };
        let whole = self.whole().iter().filter_map(|name| match name {
            AltName::Dns(name) => Some(Cow::Borrowed(&**name)),
            _ => None,
        });
        values(element, Key::Dns).chain(list.iter().cloned()).chain(whole)
    }

    /// All names of a certificate, the only source of addresses of IP and of email.
    #[must_use]
    pub const fn whole(&self) -> &'a [AltName] {
        match self {
            Self::Whole(names) => names,
            Self::Xfcc { .. } | Self::Lists { .. } => &[],
        }
    }
}

fn values<'a>(element: Option<&text::Element<'a>>, key: Key) -> impl Iterator<Item = Cow<'a, str>> {
    element.copied().into_iter().flat_map(move |element| element.values(key)).map(|value| value.unquoted())
}
