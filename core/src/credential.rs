//! One normalised certificate, borrowed from the input. What a source does not know is absent.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::slice::Iter;

use crate::dn::NameText;
use crate::fingerprint::Fingerprint;
use crate::xfcc::text;

/// A caller's certificate as a source gives it to the policy.
#[derive(Clone, Debug)]
pub struct Credential<'a> {
    /// SHA-256 of the DER.
    pub sha256: Option<Fingerprint>,
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

impl AltName {
    /// The name, if it is a URI.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        match self {
            Self::Uri(uri) => Some(uri),
            _ => None,
        }
    }

    /// The name, if it is a DNS name.
    #[must_use]
    pub fn dns(&self) -> Option<&str> {
        match self {
            Self::Dns(name) => Some(name),
            _ => None,
        }
    }
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
    /// Left where they are; none of a kind that the source is not said to carry.
    Xfcc {
        /// URI names.
        uri: text::Values<'a>,
        /// DNS names.
        dns: text::Values<'a>,
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
    #[must_use]
    pub fn uris(&self) -> Names<'a, '_> {
        match self {
            Self::Xfcc { uri, .. } => Names::Xfcc(uri.clone()),
            Self::Lists { uri, .. } => Names::List(uri.iter()),
            Self::Whole(names) => Names::Whole(names.iter(), AltName::uri),
        }
    }

    /// DNS names in order.
    #[must_use]
    pub fn dns(&self) -> Names<'a, '_> {
        match self {
            Self::Xfcc { dns, .. } => Names::Xfcc(dns.clone()),
            Self::Lists { dns, .. } => Names::List(dns.iter()),
            Self::Whole(names) => Names::Whole(names.iter(), AltName::dns),
        }
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

/// Names of one kind.
#[derive(Clone, Debug)]
pub enum Names<'a, 'c> {
    /// In a header.
    Xfcc(text::Values<'a>),
    /// Collected.
    List(Iter<'c, Cow<'a, str>>),
    /// Among those of a certificate.
    Whole(Iter<'a, AltName>, fn(&AltName) -> Option<&str>),
}

impl<'a> Iterator for Names<'a, '_> {
    type Item = Cow<'a, str>;

    #[inline]
    fn next(&mut self) -> Option<Cow<'a, str>> {
        match self {
            Self::Xfcc(values) => values.next().map(|value| value.unquoted()),
            Self::List(names) => names.next().cloned(),
            Self::Whole(names, of_kind) => names.find_map(|name| of_kind(name)).map(Cow::Borrowed),
        }
    }
}
