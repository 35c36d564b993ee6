//! What a refused caller sees: a status and a constant body, and nothing that helps to probe.

/// Header lines that go with every refusal.
pub const HEADERS: &[(&str, &str)] =
    &[("content-type", "application/problem+json"), ("cache-control", "no-store")];

/// The further header line of a 401 (RFC 9110, section 11.6.1).
pub const CHALLENGE: (&str, &str) = ("www-authenticate", "ClientCertificate");

/// A local answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// 400 to 499.
    pub status: u16,
    /// Header lines, [`CHALLENGE`] included where it belongs.
    pub headers: &'static [(&'static str, &'static str)],
    /// `application/problem+json` (RFC 9457).
    pub body: &'static str,
}
