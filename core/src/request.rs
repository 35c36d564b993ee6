//! What a host hands over: borrowed bytes, as they arrived.

/// A header line: name and value, any bytes. Names are compared without ASCII case.
pub type Header<'a> = (&'a [u8], &'a [u8]);

/// One request, as the host received it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, `GET`.
    pub method: &'a [u8],
    /// The request target as it stood in the request line or in `:path`, query included.
    pub target: &'a [u8],
    /// All header lines in order; repeated names stay apart. Lines that are not in
    /// [`crate::Gate::reads_header`] may be left out.
    pub headers: &'a [Header<'a>],
    /// The client certificate of the TLS connection on which the request arrived; `None` on
    /// plaintext and when the client sent none.
    pub connection: Option<Peer<'a>>,
    /// Seconds since 1970-01-01T00:00:00Z; `None` when the host has no clock.
    pub now: Option<i64>,
}

/// The peer of a TLS connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// The certificate, in the form the host has it.
    pub certificate: PeerCertificate<'a>,
    /// Whether the TLS layer verified it.
    pub verified: bool,
}

/// A peer's certificate or, where the host has no more, its digest.
#[derive(Clone, Copy, Debug)]
pub enum PeerCertificate<'a> {
    /// DER.
    Der(&'a [u8]),
    /// PEM, exactly one block.
    Pem(&'a [u8]),
    /// The SHA-256 of the DER in 64 hexadecimal digits, as Envoy's
    /// `connection.sha256_peer_certificate_digest` gives it.
    Sha256Hex(&'a [u8]),
}
