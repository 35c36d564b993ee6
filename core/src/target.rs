//! Method and request-target sanity.

/// `"request"` of a policy: which of the target checks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetRules {
    /// All checks, but for those lifted here.
    Strict {
        /// `%2F` may stand in a segment.
        allow_encoded_slash: bool,
        /// `;` may stand in a segment.
        allow_semicolon: bool,
    },
    /// No checks; only for policies without paths.
    Any,
}

impl TargetRules {
    /// All checks.
    pub const STRICT: Self = Self::Strict { allow_encoded_slash: false, allow_semicolon: false };
}
/// Whether a method is `[A-Z][A-Z-]*`.
#[must_use]
pub fn is_method(method: &[u8]) -> bool {
    matches!(method.split_first(), Some((first, rest))
        if first.is_ascii_uppercase() && rest.iter().all(|b| b.is_ascii_uppercase() || *b == b'-'))
}
