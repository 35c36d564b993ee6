//! A minimal HTTP/2 client with prior knowledge: one stream on a connection, header fields as
//! literals without Huffman coding, so that any byte can be sent.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::wire::{HttpAnswer, Line, Reply, TIMEOUT, WireRequest};

/// RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The largest payload that a peer accepts unasked (section 4.2).
const MAX_FRAME: usize = 16 * 1024;
const STREAM: u32 = 1;

// Frame types and flags (section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

/// Sends one request on a connection of its own and reads the answer.
///
/// # Errors
/// When the connection fails without a word, or the answer is not HTTP/2.
pub fn exchange(address: SocketAddr, request: &WireRequest<'_>) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    let mut bytes = PREFACE.to_vec();
    push_frame(&mut bytes, SETTINGS, 0, 0, &[]);
    push_header_frames(&mut bytes, &header_block(request));
    // Envoy may refuse the block while it is still being written; what it said is then read below.
    let written = stream.write_all(&bytes);
    Reader { stream, bytes: Vec::new() }.answer().map_err(|error| written.err().unwrap_or(error))
}

/// The request's fields, each as "literal header field without indexing, new name" (RFC 7541,
/// section 6.2.2). Names are in lower case, as HTTP/2 demands.
fn header_block(request: &WireRequest<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    let host = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"host"));
    push_field(&mut block, b":method", request.method);
    push_field(&mut block, b":scheme", b"http");
    push_field(&mut block, b":authority", host.map_or(b"peergate.test", |(_, value)| value));
    push_field(&mut block, b":path", request.target);
    for (name, value) in request.headers {
        if !name.eq_ignore_ascii_case(b"host") {
            push_field(&mut block, &name.to_ascii_lowercase(), value);
        }
    }
    block
}

fn push_field(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0);
    for text in [name, value] {
        push_length(block, text.len());
        block.extend_from_slice(text);
    }
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1); the Huffman bit stays 0.
fn push_length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        block.push(u8::try_from(length).unwrap_or(126));
        return;
    };
    block.push(127);
    while rest >= 128 {
        block.push(128 | u8::try_from(rest & 127).unwrap_or_default());
        rest >>= 7;
    }
    block.push(u8::try_from(rest).unwrap_or_default());
}

fn push_header_frames(out: &mut Vec<u8>, block: &[u8]) {
    let mut kind = HEADERS;
    let mut chunks = block.chunks(MAX_FRAME).peekable();
    while let Some(chunk) = chunks.next() {
        let end_stream = if kind == HEADERS { END_STREAM } else { 0 };
        let end_headers = if chunks.peek().is_none() { END_HEADERS } else { 0 };
        push_frame(out, kind, end_stream | end_headers, STREAM, chunk);
        kind = CONTINUATION;
    }
}

fn push_frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

struct Reader {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Reader {
    fn answer(&mut self) -> io::Result<Reply> {
        let bad = || io::Error::other("not an HTTP/2 answer");
        let mut decoder = httlib_hpack::Decoder::default();
        let (mut block, mut body) = (Vec::new(), Vec::new());
        let mut head: Option<(u16, Vec<Line>)> = None;
        let mut ended = false;
        loop {
            let frame = self.frame()?;
            match frame.kind {
                GOAWAY => return Ok(Reply::Reset),
                _ if frame.stream != STREAM => {}
                RST_STREAM => return Ok(Reply::Reset),
                HEADERS | CONTINUATION => {
                    ended |= frame.kind == HEADERS && frame.flags & END_STREAM != 0;
                    block.extend_from_slice(&frame.content().ok_or_else(bad)?);
                    if frame.flags & END_HEADERS != 0 {
                        let mut fields = Vec::new();
                        decoder.decode(&mut block, &mut fields).map_err(|_| bad())?;
                        // A second block holds trailers, which neither Envoy nor the service sends.
                        head = Some(split_status(fields).ok_or_else(bad)?);
                    }
                }
                DATA => {
                    ended |= frame.flags & END_STREAM != 0;
                    body.extend_from_slice(&frame.content().ok_or_else(bad)?);
                }
                _ => {}
            }
            if ended && let Some((status, headers)) = head.take() {
                return Ok(Reply::Answer(HttpAnswer { status, headers, body }));
            }
        }
    }

    fn frame(&mut self) -> io::Result<Frame> {
        loop {
            if let Some(frame) = self.take_frame() {
                return Ok(frame);
            }
            let mut chunk = [0_u8; 16 * 1024];
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Err(io::Error::other("the connection ended before the answer did"));
            }
            self.bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        }
    }

    fn take_frame(&mut self) -> Option<Frame> {
        let &[l0, l1, l2, kind, flags, s0, s1, s2, s3] = self.bytes.first_chunk::<9>()?;
        let length = usize::try_from(u32::from_be_bytes([0, l0, l1, l2])).ok()?;
        let end = length.checked_add(9)?;
        let payload = self.bytes.get(9..end)?.to_vec();
        self.bytes.drain(..end);
        Some(Frame { kind, flags, stream: u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff, payload })
    }
}

impl Frame {
    /// The payload without padding and priority.
    fn content(&self) -> Option<Vec<u8>> {
        let mut content = self.payload.as_slice();
        if self.flags & PADDED != 0 && self.kind != CONTINUATION {
            let (&padding, rest) = content.split_first()?;
            content = rest.get(..rest.len().checked_sub(usize::from(padding))?)?;
        }
        if self.flags & PRIORITY != 0 && self.kind == HEADERS {
            content = content.get(5..)?;
        }
        Some(content.to_vec())
    }
}

type Field = (Vec<u8>, Vec<u8>, u8);

fn split_status(fields: Vec<Field>) -> Option<(u16, Vec<Line>)> {
    let mut status = None;
    let mut headers = Vec::new();
    for (name, value, _) in fields {
        if name == b":status" {
            status = std::str::from_utf8(&value).ok()?.parse().ok();
        } else {
            headers.push((name, value));
        }
    }
    Some((status?, headers))
}
