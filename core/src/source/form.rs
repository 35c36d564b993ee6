//! How a proxy forwards a certificate, as data: what a preset is, and what `custom` spells out.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// One of the source's headers: its number in [`super::document::SourceDocument::headers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub u8);

/// What one source's headers say, and who vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The identity.
    pub carried: Carried,
    /// Who says that the certificate was verified.
    pub vouching: Vouching,
}

/// In what the identity travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// The whole certificate.
    Certificate(CertificateForm),
    /// Some of its fields.
    Fields(FieldForms),
}

/// A header that holds a certificate. A value is decoded in the order of these members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateForm {
    /// The header.
    pub header: Slot,
    /// Values that mean no certificate, besides the empty one.
    pub absent: Texts,
    /// Whether double quotes may stand around the value.
    pub quotes: bool,
    /// Its percent-encoding.
    pub percent: Percent,
    /// Whether it is a comma list whose first member counts.
    pub first_of_list: bool,
    /// Its encoding.
    pub encoding: Encoding,
    /// A header with the certificate's SHA-256, which must then be right.
    pub sha256: Option<(Slot, HashEncoding)>,
    /// A header with the certificates above it: an RFC 9440 list.
    pub chain: Option<Slot>,
}

/// The percent-encodings in use. They are not interchangeable: each spoils what another writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percent {
    /// There is none.
    None,
    /// RFC 3986, everything but `A-Za-z0-9-._~` escaped.
    Component,
    /// The same, but `+`, `=` and `/` stand for themselves.
    Literal,
    /// HTML forms: `+` is a space.
    Form,
    /// As in forms if there is a `%`, else none.
    IfEscaped,
}

/// The encodings of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One PEM block (RFC 7468) with line breaks.
    Pem,
    /// One PEM block with spaces or tabs for line breaks.
    PemFolded,
    /// PEM blocks of which the first counts.
    PemChain,
    /// Base64 (RFC 4648, section 4) of the DER.
    Base64,
    /// A structured field's byte sequence (RFC 9440, section 2.1).
    ByteSequence,
}

/// The spellings of a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashEncoding {
    /// 64 hexadecimal digits.
    Hex,
    /// Base64 of 32 bytes.
    Base64,
}

/// Headers that hold fields of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldForms {
    /// Its SHA-256.
    pub sha256: Option<(Slot, HashEncoding)>,
    /// Its subject.
    pub subject: Option<(Slot, Dialect)>,
    /// Its issuer.
    pub issuer: Option<(Slot, Dialect)>,
    /// Its SPIFFE ID, by itself.
    pub spiffe: Option<Slot>,
    /// Its URI names.
    pub uri: Option<(Slot, List)>,
    /// Its DNS names.
    pub dns: Option<(Slot, List)>,
}

/// The spellings of a distinguished name. The one with slashes is not among them: it does not
/// escape them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// RFC 4514: the most specific RDN first.
    Rfc4514,
    /// The same with the RDNs in the order of the certificate.
    Rfc4514Forward,
    /// Base64 of the name's DER.
    DerBase64,
}

/// How several names share a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// They do not: the value is one name.
    Single,
    /// A comma list, each name in base64.
    Base64,
}

/// Who says that the certificate was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vouching {
    /// The proxy, by sending the header at all.
    Promise,
    /// Nobody.
    Never,
    /// Headers, all of them.
    Signals(Cow<'static, [Signal]>),
}

/// A header that says whether the certificate was verified, or whether there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The header.
    pub header: Slot,
    /// The values for yes; the empty one also stands for no header.
    pub accept: Texts,
    /// The values for "there is no certificate".
    pub none: Texts,
    /// What it says.
    pub says: Says,
    /// What it may say where there is no certificate.
    pub without: Without,
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Whether the certificate was verified.
    Verified,
    /// Whether there is one: any value but an accepted one says that there is none.
    Present,
}

/// What a signal may say where there is no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// Nothing, or one of `none`.
    None,
    /// Anything but an accepted value.
    NotAccepted,
    /// Anything.
    Any,
}

/// Header values, to be met exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Texts {
    /// A preset's.
    Fixed(&'static [&'static str]),
    /// A document's.
    Written(Vec<Box<str>>),
}

impl Texts {
    /// No value.
    pub const NONE: Self = Self::Fixed(&[]);

    /// The values.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (fixed, written) = match self {
            Self::Fixed(texts) => (*texts, &[][..]),
            Self::Written(texts) => (&[][..], texts.as_slice()),
        };
        fixed.iter().copied().chain(written.iter().map(|text| &**text))
    }

    /// Whether a value is one of them.
    #[must_use]
    pub fn contains(&self, value: &[u8]) -> bool {
        self.iter().any(|text| text.as_bytes() == value)
    }
}

impl Vouching {
    /// Whether there is anything that could say that a certificate was verified: that there is one
    /// says nothing of the kind.
    #[must_use]
    pub fn can_verify(&self) -> bool {
        match self {
            Self::Promise => true,
            Self::Never => false,
            Self::Signals(signals) => signals.iter().any(|signal| signal.says == Says::Verified),
        }
    }
}

impl Form {
    /// The header whose lines are joined: all others stand once.
    #[must_use]
    pub const fn list_header(&self) -> Option<Slot> {
        match &self.carried {
            Carried::Certificate(form) => form.chain,
            Carried::Fields(_) => None,
        }
    }
}
