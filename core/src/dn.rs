//! Distinguished names in RFC 4514 text, validated once and then read without errors.
//!
//! ```text
//! name     = [ rdn *( "," rdn ) ]
//! rdn      = pair *( "+" pair )
//! pair     = type "=" value             ; no whitespace around "," "+" "="
//! type     = keyword / dotted-oid       ; keywords are compared without ASCII case
//! value    = "#" 1*( 2HEX ) / *( char / "\" special / "\" 2HEX )
//! char     = any but " + , ; < > \ NUL  ; no space at either end, no "#" in front
//! special  = one of " + , ; < > \ = # and the space
//! ```
//!
//! This is also what OpenSSL and BoringSSL print with `XN_FLAG_RFC2253`, and so what stands in the
//! headers of proxies. The old one-line form (`/C=US/CN=a`), quoted values and spaces after commas
//! are refused: each has a second reading.
//!
//! A decoded value may hold any character, NUL included. It is compared byte for byte and never
//! cut, so a value with a NUL equals only a value with the same NUL.

mod canonical;
mod types;
mod value;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

pub use types::AttributeType;
#[cfg(feature = "x509")]
pub(crate) use types::printed_keyword;

use value::RawValue;

use crate::bytes::ATTRIBUTE_TYPE;

/// A text is no RFC 4514 name; the byte at which it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError {
    /// Offset into the text.
    pub offset: usize,
}

/// One attribute of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type.
    pub ty: AttributeType<'a>,
    /// Its value, decoded; the text of a `#hex` value that is a DER string, too.
    pub value: Cow<'a, str>,
    /// Whether the value is text. It is not for a `#hex` value of another type: `value` is then the
    /// hexadecimal form in lower case, and equals no text, not even one that is spelled like it.
    pub is_text: bool,
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
    /// The offset of the first byte that is wrong: of a type that is not known, the type; of escaped
    /// bytes that are not UTF-8, the first backslash; of a `#hex` value that is a broken string, the
    /// `#`.
    pub fn parse(text: &'a [u8]) -> Result<Self, NameError> {
        match core::str::from_utf8(text) {
            Ok(text) => Self::parse_str(text),
            Err(invalid) => {
                let offset = invalid.valid_up_to();
                let valid = core::str::from_utf8(text.get(..offset).unwrap_or_default());
                check(valid.unwrap_or_default())?;
                Err(NameError { offset })
            }
        }
    }

    /// The same for a text that is known to be one.
    ///
    /// # Errors
    /// As [`NameText::parse`].
    pub fn parse_str(text: &'a str) -> Result<Self, NameError> {
        check(text).map(|()| Self(text))
    }

    /// A text that `parse` has accepted before.
    pub(crate) const fn from_valid(text: &'a str) -> Self {
        Self(text)
    }

    /// The name with its RDNs in the other order.
    #[must_use]
    pub fn reversed(&self) -> String {
        let mut rdns = Vec::new();
        let mut start = 0;
        let mut bytes = self.0.bytes().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\\' => {
                    bytes.next();
                }
                b',' => {
                    rdns.push(self.0.get(start..at).unwrap_or_default());
                    start = at.saturating_add(1);
                }
                _ => {}
            }
        }
        rdns.push(self.0.get(start..).unwrap_or_default());
        rdns.reverse();
        rdns.join(",")
    }

    /// The raw text.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// Whether it is the empty name.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The attributes in the order of the text. Allocates only for a value with escapes, or in hex.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.pairs().map(|pair| {
            let (value, is_text) = pair.value.decode();
            Attribute { ty: pair.ty, value, is_text, starts_rdn: pair.starts_rdn }
        })
    }

    /// The only common name; none if there are several, or if it is not text.
    #[must_use]
    pub fn common_name(&self) -> Option<Cow<'a, str>> {
        let mut names = self.attributes().filter(|attribute| attribute.ty.is_common_name());
        names.next().filter(|name| name.is_text && names.next().is_none()).map(|name| name.value)
    }

    /// Appends a form that is equal for two texts exactly if they name the same: same RDNs in the
    /// same order, attributes of one RDN in any order, escapes and case of attribute types set aside.
    pub fn write_canonical(&self, out: &mut Vec<u8>) {
        canonical::write(self.pairs(), out);
    }

    fn pairs(&self) -> impl Iterator<Item = Pair<'a>> + use<'a> {
        // The text has been validated, so the scanner meets no error.
        Scanner::new(self.0).map_while(Result::ok)
    }
}

fn check(text: &str) -> Result<(), NameError> {
    Scanner::new(text).try_for_each(|pair| pair.map(|_| ()))
}

/// One attribute as it stands in the text.
#[derive(Clone, Copy, Debug)]
struct Pair<'a> {
    ty: AttributeType<'a>,
    value: RawValue<'a>,
    starts_rdn: bool,
}

/// Reads a text from left to right; validates all that decoding takes for granted.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    next: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Rdn,
    SameRdn,
    End,
}

impl<'a> Scanner<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, at: 0, next: if text.is_empty() { Next::End } else { Next::Rdn } }
    }

    fn pair(&mut self) -> Result<Pair<'a>, NameError> {
        let starts_rdn = self.next == Next::Rdn;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len = ATTRIBUTE_TYPE.run(rest.as_bytes());
        let equals = self.at.saturating_add(len);
        let (ty, rest) = rest.split_at_checked(len).unwrap_or_default();
        if ty.is_empty() || !rest.starts_with('=') {
            return Err(NameError { offset: equals });
        }
        let ty = AttributeType::from_text(ty).ok_or(NameError { offset: self.at })?;
        let start = equals.saturating_add(1);
        let (value, end) = value::scan(self.text, start)?;
        self.next = match self.text.as_bytes().get(end) {
            Some(b',') => Next::Rdn,
            Some(b'+') => Next::SameRdn,
            Some(_) => return Err(NameError { offset: end }),
            None => Next::End,
        };
        self.at = end.saturating_add(1);
        Ok(Pair { ty, value, starts_rdn })
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Result<Pair<'a>, NameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == Next::End {
            return None;
        }
        let pair = self.pair();
        if pair.is_err() {
            self.next = Next::End;
        }
        Some(pair)
    }
}
