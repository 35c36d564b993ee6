//! A certificate by itself, as people have it: PEM or DER.

use alloc::string::String;

use super::{Certificate, X509Error};
use crate::normalised::to_json;
use crate::pem;

/// Why bytes are no certificate in PEM or DER that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// A code of [`X509Code`](super::X509Code), or `bad_pem`.
    pub code: &'static str,
    /// The byte of the DER at which it shows.
    pub offset: usize,
}

impl From<X509Error> for ReadError {
    fn from(error: X509Error) -> Self {
        Self { code: error.code.code(), offset: error.offset }
    }
}

/// The normalised certificate of DER, or of exactly one PEM block, as JSON. DER starts with a
/// sequence's 0x30, which is no byte that PEM starts with.
///
/// # Errors
/// The first rule that the bytes break.
pub fn normalised(bytes: &[u8]) -> Result<String, ReadError> {
    let decoded;
    let der = if bytes.first() == Some(&0x30) {
        bytes
    } else {
        decoded = pem::decode(bytes).ok_or(ReadError { code: "bad_pem", offset: 0 })?;
        &decoded
    };
    Ok(Certificate::from_der(der)?.to_json(None, Some(&pem::encode(der))))
}

impl Certificate {
    /// The normalised certificate as JSON, see [`to_json`]; with what the host knows beside.
    #[must_use]
    pub fn to_json(&self, verified: Option<bool>, pem: Option<&str>) -> String {
        to_json(&self.credential(verified.unwrap_or_default()), verified, pem)
    }
}
