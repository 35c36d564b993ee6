//! One DER certificate, read strictly into a normalised form. Needs the feature `x509`.
//!
//! ```text
//! bytes ──► at most 16 KiB ──► own walk over all DER ──► own walk over the parts ──► x509-parser
//!                              lengths, tags, values     order, defaults, times      reads the names
//! ```
//!
//! The parser is lenient: it passes non-minimal lengths, trailing bytes, names with NUL, a second
//! extension of a kind, and so leaves room for two readers that see two certificates. So the walks
//! admit only bytes that have one reading, and what the parser then makes of them is kept. No type
//! of the parser is part of the interface.
//!
//! Nothing is verified here: neither the signature nor the time.

mod der;
mod extension;
mod issuers;
mod name;
mod presented;
mod primitive;
mod read;
mod shape;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

pub use crate::credential::{AltName, Extension};
use crate::credential::{AltNames, Credential};
use crate::dn::NameText;
use crate::fingerprint::Fingerprint;
use crate::reason::codes;
pub(crate) use issuers::Issuers;
pub use presented::{ReadError, normalised};

codes! {
    /// Why bytes are no certificate that is read.
    X509Code {
        /// More than 16 KiB.
        TooLong = "too_long",
        /// A value ends before its length says, or an element is missing.
        Truncated = "truncated",
        /// Bytes after the end of what should be there.
        TrailingBytes = "trailing_bytes",
        /// A length that is not given in advance.
        IndefiniteLength = "indefinite_length",
        /// A length in more bytes than it takes.
        NonMinimalLength = "non_minimal_length",
        /// Another element was due.
        UnexpectedTag = "unexpected_tag",
        /// A string or number in pieces, or a sequence that is not one.
        WrongForm = "wrong_form",
        /// Elements within elements beyond what a certificate needs.
        TooDeep = "too_deep",
        /// A BOOLEAN that is neither 0x00 nor 0xFF.
        BadBoolean = "bad_boolean",
        /// An INTEGER that is empty or has a byte too many.
        BadInteger = "bad_integer",
        /// A serial number or a path length below zero.
        NegativeInteger = "negative_integer",
        /// An object identifier that is empty, cut off, or has a byte too many.
        BadOid = "bad_oid",
        /// A BIT STRING with a wrong number of unused bits, or bits set among them.
        BadBitString = "bad_bit_string",
        /// A NULL with content.
        BadNull = "bad_null",
        /// A string with bytes that its type has not.
        BadString = "bad_string",
        /// A time that is not `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, or that no calendar has.
        BadTime = "bad_time",
        /// No version from 1 to 3, or an element that the version does not have.
        BadVersion = "bad_version",
        /// A default value that is written out.
        ExplicitDefault = "explicit_default",
        /// The signature algorithm outside is not the one inside.
        AlgorithmMismatch = "algorithm_mismatch",
        /// A list that must have an element and has none.
        EmptyList = "empty_list",
        /// Two extensions of one kind.
        DuplicateExtension = "duplicate_extension",
        /// An alternative name of no known kind, or with the wrong shape for its kind.
        BadGeneralName = "bad_general_name",
        /// A byte outside 0x20-0x7E in a URI, DNS or email name.
        BadNameByte = "bad_name_byte",
        /// More than 512 alternative names.
        TooManySans = "too_many_sans",
        /// The parser does not read what passed all of the above.
        Unreadable = "unreadable",
    }
}

/// Why bytes are no certificate that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X509Error {
    /// The rule that is broken.
    pub code: X509Code,
    /// The byte at which it shows.
    pub offset: usize,
}

impl core::fmt::Display for X509Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} at byte {}", self.code, self.offset)
    }
}

impl core::error::Error for X509Error {}

/// What a certificate says, in a form that no longer needs its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Certificate {
    /// SHA-256 of the DER.
    pub sha256: [u8; 32],
    /// Who it is about; may be empty.
    pub subject: Name,
    /// Who signed it.
    pub issuer: Name,
    /// The serial number, big-endian without leading zero bytes: zero is empty, as in policies.
    pub serial: Box<[u8]>,
    /// First second of its validity, since 1970.
    pub not_before: i64,
    /// Last second of its validity, since 1970.
    pub not_after: i64,
    /// The URI, DNS, IP and email names, in order.
    pub alt_names: Vec<AltName>,
    /// How many alternative names of other kinds there are.
    pub other_alt_names: usize,
    /// Whether it may sign other certificates: the basic constraint `cA`.
    pub is_ca: bool,
    /// Whether its key usage lets it sign certificates or revocation lists.
    pub may_sign_certificates: bool,
    /// The extended key usages as dotted OIDs, in order.
    pub extended_key_usages: Vec<Box<str>>,
    /// All extensions, in order, no two with one OID.
    pub extensions: Vec<Extension>,
}

/// A distinguished name, kept as the RFC 4514 text that OpenSSL and BoringSSL print for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Name {
    /// Reads a name's DER by itself.
    ///
    /// # Errors
    /// The first rule that the bytes break.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        shape::check_name(der)?;
        read::name(der).ok_or(UNREADABLE)
    }

    /// The text with what compares it.
    #[must_use]
    pub fn as_text(&self) -> NameText<'_> {
        // `read` made the name only after `NameText::parse` had accepted the text.
        NameText::from_valid(&self.0)
    }

    /// The RFC 4514 text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The only common name; none if there are several, or if it is not text.
    #[must_use]
    pub fn common_name(&self) -> Option<Cow<'_, str>> {
        self.as_text().common_name()
    }
}

impl Certificate {
    /// Reads a DER certificate.
    ///
    /// # Errors
    /// The first rule that the bytes break.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        let outline = shape::check(der)?;
        let whole = || {
            let sha256: [u8; 32] = Sha256::digest(der).into();
            let leaf = read::leaf(sha256.into(), &outline, &Issuers::new())?;
            Some(Self {
                sha256,
                subject: leaf.subject,
                issuer: Arc::unwrap_or_clone(leaf.issuer),
                serial: leaf.serial,
                not_before: leaf.window.0,
                not_after: leaf.window.1,
                other_alt_names: outline.alt_name_count.saturating_sub(leaf.alt_names.len()),
                alt_names: leaf.alt_names,
                is_ca: outline.is_ca,
                may_sign_certificates: outline.may_sign_certificates,
                extended_key_usages: read::usages(&outline)?,
                extensions: read::extensions(&outline)?,
            })
        };
        whole().ok_or(UNREADABLE)
    }

    /// As a source gives it to the policy.
    fn credential(&self, verified: bool) -> Credential<'_> {
        Credential {
            sha256: Some(self.sha256.into()),
            verified,
            window: Some((self.not_before, self.not_after)),
            is_ca: self.is_ca || self.may_sign_certificates,
            subject: Some(self.subject.as_text()),
            issuer: Some(self.issuer.as_text()),
            serial: Some(&self.serial),
            names: AltNames::Whole(&self.alt_names),
            extensions: &self.extensions,
        }
    }
}

const UNREADABLE: X509Error = X509Error { code: X509Code::Unreadable, offset: 0 };

/// What policies see of a certificate, and hosts tell of it.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// Holds the DER.
    sha256: Fingerprint,
    subject: Name,
    issuer: Arc<Name>,
    serial: Box<[u8]>,
    window: (i64, i64),
    alt_names: Vec<AltName>,
    is_ca: bool,
    texts: Vec<Extension>,
}

impl Leaf {
    /// Reads a DER certificate, and keeps it.
    ///
    /// # Errors
    /// The first rule that the bytes break.
    pub(crate) fn from_der(der: Vec<u8>, issuers: &Issuers) -> Result<Self, X509Error> {
        let sha256 = Fingerprint::of(der);
        let outline = shape::check(sha256.der().unwrap_or_default())?;
        read::leaf(sha256.clone(), &outline, issuers).ok_or(UNREADABLE)
    }

    pub(crate) const fn sha256(&self) -> &Fingerprint {
        &self.sha256
    }

    /// All that are not of other kinds, in order.
    pub(crate) fn alt_names(&self) -> &[AltName] {
        &self.alt_names
    }

    pub(crate) fn credential(&self, verified: bool) -> Credential<'_> {
        Credential {
            sha256: Some(self.sha256.clone()),
            verified,
            window: Some(self.window),
            is_ca: self.is_ca,
            subject: Some(self.subject.as_text()),
            issuer: Some(self.issuer.as_text()),
            serial: Some(&self.serial),
            names: AltNames::Whole(&self.alt_names),
            extensions: &self.texts,
        }
    }
}
