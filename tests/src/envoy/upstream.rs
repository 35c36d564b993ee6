//! The service behind Envoy: answers 200 to everything and remembers the header lines that came.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::http1::{parse_lines, split_head};
use super::wire::Line;

type Lines = Vec<Line>;

/// A server on a port of its own; its threads end with the process.
#[derive(Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Lines>>>,
}

impl Upstream {
    /// Starts it.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&shared);
                // A connection that breaks is Envoy's to report.
                thread::spawn(move || drop(serve(stream, &seen)));
            }
        });
        Ok(Self { address, seen })
    }

    /// The header lines of every request since the last call; names in lower case.
    #[must_use]
    pub fn take(&self) -> Vec<Lines> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Requests of one keep-alive connection. The conformance suite sends none with a body.
fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Lines>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    let mut chunk = [0_u8; 16 * 1024];
    loop {
        while let Some((head, rest)) = split_head(&bytes) {
            let lines = head.split(|byte| *byte == b'\n').skip(1);
            let lines = parse_lines(lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)));
            let rest = rest.to_vec();
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(lines);
            bytes = rest;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => bytes.extend_from_slice(chunk.get(..count).unwrap_or_default()),
        }
    }
}
