//! What a principal asks of a certificate.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::reason::codes;

codes! {
    /// What a condition needs of a source.
    Attribute {
        /// URI names, SPIFFE IDs among them.
        Uri = "uri",
        /// DNS names.
        Dns = "dns",
        /// IP addresses.
        Ip = "ip",
        /// Mail addresses.
        Email = "email",
        /// The subject.
        Subject = "subject",
        /// The issuer.
        Issuer = "issuer",
        /// The serial number.
        Serial = "serial",
        /// The fingerprint.
        Sha256 = "sha256",
        /// An extension.
        Extension = "extension",
        /// The validity window.
        Validity = "validity",
    }
}

/// Subject or issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameRole {
    /// The certificate's subject.
    Subject,
    /// The certificate's issuer.
    Issuer,
}

/// One comparison, its value normalised so that bytes compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Atom {
    /// A SPIFFE ID with a path, byte-equal.
    Spiffe(Box<str>),
    /// A SPIFFE ID, or a trust domain `spiffe://td`: that ID or any below it at a `/`.
    SpiffeUnder(Box<str>),
    /// A URI name that is no SPIFFE ID, byte-equal.
    Uri(Box<str>),
    /// A DNS name in lower case.
    Dns(Box<str>),
    /// A DNS suffix in lower case, without a leading dot.
    DnsUnder(Box<str>),
    /// An IP address: 4 or 16 bytes.
    Ip(Box<[u8]>),
    /// A mail address; the domain in lower case.
    Email(Box<str>),
    /// A whole name in canonical form ([`crate::dn::NameText::write_canonical`]).
    Name(NameRole, Box<[u8]>),
    /// One attribute of a name.
    NameAttribute {
        /// Of which name.
        role: NameRole,
        /// Dotted OID.
        oid: Box<str>,
        /// The decoded value.
        value: Box<str>,
    },
    /// A serial number: big-endian, without leading zero bytes.
    Serial(Box<[u8]>),
    /// A fingerprint.
    Sha256([u8; 32]),
    /// An extension that is exactly this text.
    Extension {
        /// Dotted OID.
        oid: Box<str>,
        /// The text.
        value: Box<str>,
    },
}

/// A principal as a formula over atoms. `{"spiffe": "a"}` is one atom; several keys are
/// [`Term::All`], an array of values is [`Term::Any`], a name written as an object is [`Term::All`]
/// over its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// One comparison.
    Is(Atom),
    /// At least one; never empty.
    Any(Vec<Term>),
    /// All of them; never empty.
    All(Vec<Term>),
}
