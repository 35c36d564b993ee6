//! The host's own TLS connection, as far as it needs no certificate decoding.

use sha2::{Digest, Sha256};

use super::Refusal;
use super::envoy::hex_sha256;
use crate::credential::{AltNames, Credential};
use crate::limits::CERTIFICATE_BYTES;
use crate::pem;
use crate::reason::Detail;
use crate::request::{Peer, PeerCertificate};

/// The caller of a connection.
///
/// # Errors
/// `bad_certificate` when what the host handed over is no certificate at all.
pub(crate) fn read<'r>(peer: &Peer<'_>, verified: bool) -> Result<Credential<'r>, Refusal> {
    Ok(Credential {
        sha256: sha256(peer).ok_or(Refusal::malformed(Detail::BadCertificate))?,
        verified,
        window: None,
        is_ca: false,
        subject: None,
        names: AltNames::NONE,
    })
}

/// SHA-256 of a peer's certificate.
pub(crate) fn sha256(peer: &Peer<'_>) -> Option<[u8; 32]> {
    let digest =
        |der: &[u8]| (!der.is_empty() && der.len() <= CERTIFICATE_BYTES).then(|| Sha256::digest(der).into());
    match peer.certificate {
        PeerCertificate::Der(der) => digest(der),
        PeerCertificate::Pem(text) => digest(&pem::decode(text)?),
        PeerCertificate::Sha256Hex(digits) => hex_sha256(digits),
    }
}
