//! SPIFFE IDs, always valid.
//!
//! Stricter than the letter of the specification in one point: scheme and trust domain must be in
//! lower case already, since whoever compares bytes would otherwise see two IDs where there is one.

use crate::bytes::{SPIFFE_SEGMENT, TRUST_DOMAIN};
use crate::limits::{SPIFFE_ID_BYTES, TRUST_DOMAIN_BYTES};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId<'a> {
    text: &'a str,
    path_at: usize,
}

const SCHEME: &[u8] = b"spiffe://";

impl<'a> SpiffeId<'a> {
    /// Reads an ID. Bytes are looked at from left to right, the two lengths last.
    ///
    /// # Errors
    /// The first rule that the bytes break.
    pub fn parse(text: &'a [u8]) -> Result<Self, SpiffeError> {
        let path_at = check(text)?;
        match core::str::from_utf8(text) {
            Ok(text) => Ok(Self { text, path_at }),
            // Not reached: the alphabets are ASCII.
            Err(invalid) => Err(error(SpiffeCode::PathChar, invalid.valid_up_to())),
        }
    }

    /// The same for a text that is known to be one.
    ///
    /// # Errors
    /// The first rule that the bytes break.
    pub fn parse_str(text: &'a str) -> Result<Self, SpiffeError> {
        check(text.as_bytes()).map(|path_at| Self { text, path_at })
    }

    /// The whole ID.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The trust domain, `prod.example`.
    #[must_use]
    pub fn trust_domain(&self) -> &'a str {
        self.text.get(SCHEME.len()..self.path_at).unwrap_or_default()
    }

    /// The path with its leading slash, or nothing.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.text.get(self.path_at..).unwrap_or_default()
    }

    /// Whether this is `prefix` or stands below it: `spiffe://td/a/b` is under `spiffe://td/a` and
    /// under `spiffe://td`, `spiffe://td/ab` and `spiffe://td.other` are under neither.
    #[must_use]
    pub fn is_under(&self, prefix: &SpiffeId<'_>) -> bool {
        // A valid ID never ends in a slash, so the byte after the prefix is the boundary.
        match self.text.as_bytes().strip_prefix(prefix.text.as_bytes()) {
            Some([] | [b'/', ..]) => true,
            Some(_) | None => false,
        }
    }
}

/// Checks an ID and tells where its path starts.
fn check(text: &[u8]) -> Result<usize, SpiffeError> {
    if text.is_empty() {
        return Err(error(SpiffeCode::Empty, 0));
    }
    let Some(rest) = text.strip_prefix(SCHEME) else {
        let common = text.iter().zip(SCHEME).take_while(|(byte, wanted)| byte == wanted).count();
        return Err(error(SpiffeCode::Scheme, common));
    };
    let (domain, path) = rest.split_at(memchr::memchr(b'/', rest).unwrap_or(rest.len()));
    check_domain_bytes(domain, SCHEME.len())?;
    let path_at = SCHEME.len().saturating_add(domain.len());
    check_path(path, path_at)?;
    check_domain_length(domain, SCHEME.len())?;
    if text.len() > SPIFFE_ID_BYTES {
        return Err(error(SpiffeCode::IdTooLong, SPIFFE_ID_BYTES));
    }
    Ok(path_at)
}

/// Whether a text is a trust domain by itself, as policies list them.
///
/// # Errors
/// The first rule that the bytes break.
pub fn is_trust_domain(text: &[u8]) -> Result<(), SpiffeError> {
    check_domain_bytes(text, 0)?;
    check_domain_length(text, 0)
}

fn check_domain_bytes(domain: &[u8], at: usize) -> Result<(), SpiffeError> {
    match TRUST_DOMAIN.run(domain) {
        0 if domain.is_empty() => Err(error(SpiffeCode::TrustDomainMissing, at)),
        legal if legal < domain.len() => Err(error(SpiffeCode::TrustDomainChar, at.saturating_add(legal))),
        _ => Ok(()),
    }
}

fn check_domain_length(domain: &[u8], at: usize) -> Result<(), SpiffeError> {
    if domain.len() > TRUST_DOMAIN_BYTES {
        return Err(error(SpiffeCode::TrustDomainTooLong, at.saturating_add(TRUST_DOMAIN_BYTES)));
    }
    Ok(())
}

/// Checks a path that is empty or starts with a slash; `at` is its offset.
fn check_path(path: &[u8], at: usize) -> Result<(), SpiffeError> {
    let mut slash = at;
    let mut rest = path;
    while let [b'/', after @ ..] = rest {
        let len = SPIFFE_SEGMENT.run(after);
        let (segment, following) = after.split_at(len);
        let start = slash.saturating_add(1);
        let next = start.saturating_add(len);
        match (segment, following) {
            (_, [byte, ..]) if *byte != b'/' => return Err(error(SpiffeCode::PathChar, next)),
            ([], []) => return Err(error(SpiffeCode::TrailingSlash, slash)),
            ([], _) => return Err(error(SpiffeCode::EmptySegment, next)),
            (b"." | b"..", _) => return Err(error(SpiffeCode::DotSegment, start)),
            _ => {}
        }
        slash = next;
        rest = following;
    }
    Ok(())
}

const fn error(code: SpiffeCode, offset: usize) -> SpiffeError {
    SpiffeError { code, offset }
}

/// Whether a URI claims to be a SPIFFE ID, in any case of the scheme.
pub(crate) fn has_spiffe_scheme(uri: &str) -> bool {
    let scheme = uri.as_bytes().first_chunk::<7>();
    scheme.is_some_and(|scheme| scheme == b"spiffe:" || scheme.eq_ignore_ascii_case(b"spiffe:"))
}
