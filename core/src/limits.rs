//! Every limit of the crate, in one place, so that a reader can see what bounds the work.

/// Elements of one XFCC value; one more is `too_many_elements`.
pub const XFCC_ELEMENTS: usize = 256;
/// Pairs of one XFCC element; one more is `too_many_pairs`.
pub const XFCC_PAIRS: usize = 512;
/// URI and DNS names of one certificate; one more is `too_many_sans`.
pub const SANS: usize = 512;
/// Bytes of a header value, lines joined; one more is `header_too_long`. `maxHeaderBytes` lowers it.
pub const HEADER_BYTES: usize = 64 * 1024;
/// Bytes of a DER certificate.
pub const CERTIFICATE_BYTES: usize = 16 * 1024;
/// Decoded certificates that a gate keeps.
pub const CACHED_CERTIFICATES: usize = 128;
/// Bytes of a header's value, or of a DER or PEM certificate, that is kept with what was decoded.
pub const CACHED_CERTIFICATE_TEXT_BYTES: usize = 8 * 1024;
/// Callers that a gate knows again by the header value that a proxy wrote for them.
pub const KNOWN_CALLERS: usize = 128;
/// Bytes of a header value that is kept with the caller of whom it tells.
pub const KNOWN_CALLER_BYTES: usize = 4 * 1024;
/// Headers of one source: a certificate's or fields', and the signals.
pub const SOURCE_HEADERS: usize = 12;
/// Headers that say whether a certificate was verified, in a source that spells its own out.
pub const SIGNALS: usize = 4;
/// Bytes of the path of a request target, before the first `?`.
pub const PATH_BYTES: usize = 8 * 1024;
/// Segments of the path of a request target.
pub const PATH_SEGMENTS: usize = 128;
/// Segments of a path pattern.
pub const PATTERN_SEGMENTS: usize = 32;
/// Rules of a policy, deny and allow together.
pub const RULES: usize = 4096;
/// Bytes of an OID in dotted decimal: more than any that is in use, and each value of a policy has one.
pub const OID_BYTES: usize = 256;
/// Nesting of a JSON document: the outermost object is level one.
pub const JSON_DEPTH: usize = 32;
/// Bytes of a SPIFFE ID (SPIFFE-ID, section 2.3).
pub const SPIFFE_ID_BYTES: usize = 2048;
/// Bytes of a trust domain (SPIFFE-ID, section 2.1).
pub const TRUST_DOMAIN_BYTES: usize = 255;

/// Load errors, and load warnings, that are reported of one document: the first ones.
pub const LOAD_ERRORS: usize = 100;
/// `responses` of a deployment: the lowest and the highest status.
pub const REFUSAL_STATUS: (u16, u16) = (400, 499);

/// The limits that differ between a native host and a proxy's sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// Bytes of a document.
    pub document_bytes: usize,
    /// Principals over all groups and rules.
    pub identities: usize,
    /// Whether the host can tell a certificate that TLS verified from one that was merely sent.
    /// Envoy cannot: a filter sees the same for both.
    pub knows_verification: bool,
}

impl HostLimits {
    /// For the command line, Node and Rust services.
    pub const NATIVE: Self =
        Self { document_bytes: 64 * 1024 * 1024, identities: 1_000_000, knows_verification: true };
    /// For the Envoy filter.
    pub const FILTER: Self =
        Self { document_bytes: 8 * 1024 * 1024, identities: 100_000, knows_verification: false };
}
