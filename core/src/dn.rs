//! Distinguished names in RFC 4514 text, validated once and then read without errors.

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// A text is no RFC 4514 name; the byte at which it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError {
    /// Offset into the text.
    pub offset: usize,
}

/// The type of an attribute: its OID in dotted decimal, whatever the text called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeType<'a>(&'a str);

impl<'a> AttributeType<'a> {
    /// From a key of a policy (`cn`, `ou`, `serialNumber`, …) or a dotted OID; `None` for neither.
    #[must_use]
    pub fn parse(_text: &'a str) -> Option<Self> {
        None
    }

    /// The dotted OID, `2.5.4.3`.
    #[must_use]
    pub const fn oid(&self) -> &'a str {
        self.0
    }

    /// CN, 2.5.4.3.
    #[must_use]
    pub fn is_common_name(&self) -> bool {
        self.0 == "2.5.4.3"
    }
}

/// One attribute of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type.
    pub ty: AttributeType<'a>,
    /// Its value, decoded; the text of a `#hex` value that is a DER string, too.
    pub value: Cow<'a, str>,
    /// Whether it is the first of its RDN.
    pub starts_rdn: bool,
}

/// A valid RFC 4514 text. The empty text is the empty name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameText<'a>(&'a str);

impl<'a> NameText<'a> {
    /// Validates a text.
    ///
    /// # Errors
    /// The offset of the first byte that is wrong.
    pub fn parse(_text: &'a [u8]) -> Result<Self, NameError> {
        Err(NameError { offset: 0 })
    }

    /// The raw text.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// The attributes in the order of the text.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        core::iter::empty()
    }

    /// Appends a form that is equal for two texts exactly if they name the same: same RDNs in the
    /// same order, attributes of one RDN as a set, escapes and case of attribute types set aside.
    pub fn write_canonical(&self, _out: &mut Vec<u8>) {}
}
