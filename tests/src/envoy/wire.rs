//! One request to Envoy by the transport that changes least of it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::{http1, http2};

/// How long Envoy may take to answer; it answers within a few milliseconds.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// A header line: name and value.
pub type Line = (Vec<u8>, Vec<u8>);

/// What a case asks, as bytes.
pub struct WireRequest<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The request-target.
    pub target: &'a [u8],
    /// The header lines, in their order.
    pub headers: &'a [Line],
}

/// What came back. Header names are in lower case.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The header lines.
    pub headers: Vec<Line>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The value of the only line with this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut found = self.headers.iter().filter(|(own, _)| own == name.as_bytes());
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

/// An answer, or none because the protocol itself forbids the request.
#[derive(Debug)]
pub enum Reply {
    /// Envoy or the service behind it answered.
    Answer(HttpAnswer),
    /// Envoy ended the stream with a protocol error, HTTP/2's form of a 400.
    Reset,
}

/// Sends a request by HTTP/2, which delivers a field value byte by byte, surrounding blanks and
/// bytes of 0x80 and above in targets included. What HTTP/2 forbids and HTTP/1.1 may carry
/// (connection-specific fields, absolute-form targets, fields of more than 64 KiB) is sent by
/// HTTP/1.1.
///
/// # Errors
/// When Envoy does not answer at all.
pub(super) fn send(address: SocketAddr, request: &WireRequest<'_>) -> io::Result<Reply> {
    match http2::exchange(address, request)? {
        Reply::Reset if http1::carries(request) => http1::exchange(address, request).map(Reply::Answer),
        reply => Ok(reply),
    }
}
