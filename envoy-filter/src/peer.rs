//! What the client presented on the connection on which a request arrived.

use peergate_core::Gate;
use peergate_core::gate::ConnectionForm;

use crate::host::{self, HostError};

/// The certificate as PEM; since Envoy 1.38, and absent without one.
const CERTIFICATE: &[u8] = b"connection\0peer_certificate";
/// The certificate's SHA-256; in every Envoy, and absent without one.
const DIGEST: &[u8] = b"connection\0sha256_peer_certificate_digest";
/// Whether the client presented a certificate, one byte; never absent.
const MTLS: &[u8] = b"connection\0mtls";

/// As much of the client's certificate as the gate asks for.
pub(crate) enum Presented {
    /// None, or nobody asked.
    Nothing,
    /// Its SHA-256, in hexadecimal digits.
    Digest(Vec<u8>),
    /// The whole of it, as PEM.
    Certificate(Vec<u8>),
    /// There is one, or the proxy does not say that there is none, and it cannot be had.
    Withheld,
}

/// Asks the proxy, and no more of it than the gate needs.
pub(crate) fn presented(gate: &Gate) -> Result<Presented, HostError> {
    if !gate.reads_connection() {
        return Ok(Presented::Nothing);
    }
    if gate.connection_form() == ConnectionForm::Digest {
        return Ok(host::property(DIGEST)?.map_or(Presented::Nothing, Presented::Digest));
    }
    if let Some(pem) = host::property(CERTIFICATE)? {
        return Ok(Presented::Certificate(pem));
    }
    // A proxy that does not know that property answers as one whose client presented nothing.
    let anonymous =
        host::property(MTLS)?.is_some_and(|mtls| mtls == [0]) && host::property(DIGEST)?.is_none();
    Ok(if anonymous { Presented::Nothing } else { Presented::Withheld })
}
