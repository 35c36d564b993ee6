//! The host's own TLS connection.

use sha2::{Digest, Sha256};

use super::Refusal;
use super::certificates::{Certificates, Known};
use super::hex_sha256;
use crate::credential::{AltNames, Credential};
use crate::limits::CERTIFICATE_BYTES;
use crate::pem;
use crate::reason::Detail;
use crate::request::{Peer, PeerCertificate};

/// The caller of a connection.
#[derive(Debug)]
pub(crate) enum Caller {
    Certificate(Known),
    /// The fingerprint is all that a core knows that reads no certificates.
    Sha256([u8; 32]),
}

impl Caller {
    pub(crate) fn credential(&self, verified: bool) -> Credential<'_> {
        match self {
            Self::Certificate(known) => known.credential(verified),
            Self::Sha256(sha256) => Credential {
                sha256: Some((*sha256).into()),
                verified,
                window: None,
                is_ca: false,
                subject: None,
                issuer: None,
                serial: None,
                names: AltNames::NONE,
                extensions: &[],
            },
        }
    }
}

/// The caller of a connection.
///
/// # Errors
/// `bad_certificate` when what the host handed over is no certificate, and where certificates are
/// read, when it is only a digest; the details of a certificate's names.
pub(crate) fn read(peer: &Peer<'_>, certificates: &Certificates) -> Result<Caller, Refusal> {
    if !cfg!(feature = "x509") {
        return sha256(peer).map(Caller::Sha256).ok_or(Refusal::malformed(Detail::BadCertificate));
    }
    let known = match peer.certificate {
        // A sequence, and so no PEM: what is kept for one form never answers for the other.
        PeerCertificate::Der(der @ [0x30, ..]) => certificates.read(der, |der| Ok(der.to_vec())),
        PeerCertificate::Pem(text) => {
            certificates.read(text, |text| pem::decode(text).ok_or(Detail::BadCertificate))
        }
        PeerCertificate::Der(_) | PeerCertificate::Sha256Hex(_) => Err(Detail::BadCertificate),
    };
    known.map(Caller::Certificate).map_err(Refusal::malformed)
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
