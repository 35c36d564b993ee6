//! SPIFFE IDs, always valid.

use crate::reason::codes;

codes! {
    /// Which rule of the SPIFFE ID specification a text breaks.
    SpiffeCode {
        /// The empty string.
        Empty = "empty",
        /// Not `spiffe://`, byte for byte.
        Scheme = "scheme",
        /// No trust domain.
        TrustDomainMissing = "trust_domain_missing",
        /// A byte of the trust domain outside `[a-z0-9._-]`.
        TrustDomainChar = "trust_domain_char",
        /// A trust domain of more than 255 bytes.
        TrustDomainTooLong = "trust_domain_too_long",
        /// A `/` at the end.
        TrailingSlash = "trailing_slash",
        /// Two slashes in a row.
        EmptySegment = "empty_segment",
        /// A segment `.` or `..`.
        DotSegment = "dot_segment",
        /// A byte of the path outside `[a-zA-Z0-9._-]`.
        PathChar = "path_char",
        /// More than 2048 bytes.
        IdTooLong = "id_too_long",
    }
}

/// Why a text is no SPIFFE ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiffeError {
    /// The rule that is broken.
    pub code: SpiffeCode,
    /// The byte at which it shows.
    pub offset: usize,
}

/// A valid SPIFFE ID, with or without a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiffeId<'a> {
    text: &'a str,
    path_at: usize,
}

impl<'a> SpiffeId<'a> {
    /// Reads an ID.
    ///
    /// # Errors
    /// The first rule that the bytes break.
    pub fn parse(_text: &'a [u8]) -> Result<Self, SpiffeError> {
        Err(SpiffeError { code: SpiffeCode::Empty, offset: 0 })
    }

    /// The whole ID.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The trust domain, `prod.example`.
    #[must_use]
    pub fn trust_domain(&self) -> &'a str {
        self.text.get(9..self.path_at).unwrap_or_default()
    }

    /// The path with its leading slash, or nothing.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.text.get(self.path_at..).unwrap_or_default()
    }
}
