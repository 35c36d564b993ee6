//! A client that sends one request after the other on one connection of HTTP/1.1, as a load would.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::http1;
use super::wire::{HttpAnswer, TIMEOUT};

/// One connection, made when it is needed.
#[derive(Debug)]
pub struct KeepAlive {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl KeepAlive {
    /// No connection yet.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request without a body, as it stands, and reads the whole answer. Nothing is tried
    /// again: an answer that does not come is an error.
    ///
    /// # Errors
    /// When the connection fails, or the answer is not HTTP/1.1.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<HttpAnswer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(request)?;
        let mut bytes = Vec::new();
        let mut chunk = [0_u8; 4096];
        let answer = loop {
            let count = stream.read(&mut chunk)?;
            if count == 0 {
                return Err(io::Error::other("the connection ended before the answer did"));
            }
            bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
            if let Some(answer) = http1::parse_answer(&bytes, false)? {
                break answer;
            }
        };
        if answer.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case(b"close")) {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}
