//! A minimal HTTP/1.1 client: the bytes that it is given go out as they are.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::wire::{HttpAnswer, Line, TIMEOUT, WireRequest};

/// Whether HTTP/1.1 delivers this request unchanged, or is refused for the very bytes in question.
/// It is not where a line break would start a new line, or where blanks would be trimmed.
pub(super) fn carries(request: &WireRequest<'_>) -> bool {
    let breaks = |text: &[u8]| text.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    !breaks(request.method)
        && !breaks(request.target)
        && request.headers.iter().all(|(name, value)| {
            !breaks(name) && !breaks(value) && !blank(value.first()) && !blank(value.last())
        })
}

/// Sends one request on a connection of its own and reads the answer.
///
/// # Errors
/// When the connection fails or the answer is not HTTP/1.1.
pub fn exchange(address: SocketAddr, request: &WireRequest<'_>) -> io::Result<HttpAnswer> {
    let mut head = Vec::with_capacity(1024);
    head.extend_from_slice(request.method);
    head.push(b' ');
    head.extend_from_slice(request.target);
    head.extend_from_slice(b" HTTP/1.1\r\n");
    if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"host")) {
        head.extend_from_slice(b"host: peergate.test\r\n");
    }
    for (name, value) in request.headers {
        head.extend_from_slice(name);
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");

    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    stream.write_all(&head)?;
    read_answer(&mut stream, request.method == b"HEAD")
}

fn read_answer(stream: &mut TcpStream, head_only: bool) -> io::Result<HttpAnswer> {
    let mut bytes = Vec::new();
    let mut chunk = [0_u8; 16 * 1024];
    loop {
        if let Some(answer) = parse_answer(&bytes, head_only)? {
            return Ok(answer);
        }
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Err(io::Error::other("the connection ended before the answer did"));
        }
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
    }
}

pub(super) fn parse_answer(bytes: &[u8], head_only: bool) -> io::Result<Option<HttpAnswer>> {
    let bad = || io::Error::other("not an HTTP/1.1 answer");
    let Some((head, rest)) = split_head(bytes) else { return Ok(None) };
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let status_line = std::str::from_utf8(lines.next().unwrap_or_default()).map_err(|_| bad())?;
    let status = status_line.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or_else(bad)?;
    let headers = parse_lines(lines);
    let answer = |body: Vec<u8>| Ok(Some(HttpAnswer { status, headers: headers.clone(), body }));
    if head_only || status == 204 {
        return answer(Vec::new());
    }
    let find = |wanted: &[u8]| headers.iter().find(|(name, _)| name == wanted);
    if find(b"transfer-encoding").is_some() {
        return dechunk(rest).map_or(Ok(None), answer);
    }
    let length: usize = match find(b"content-length") {
        Some((_, value)) => {
            std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or_else(bad)?
        }
        None => return Err(bad()),
    };
    rest.get(..length).map_or(Ok(None), |body| answer(body.to_vec()))
}

/// The head without its empty line, and what follows it.
pub(super) fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((bytes.get(..at)?, bytes.get(at.checked_add(4)?..)?))
}

/// Header lines; names in lower case, one space after the colon dropped, all else kept.
pub(super) fn parse_lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<Line> {
    lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            let value = value.strip_prefix(b":").unwrap_or_default();
            let value = value.strip_prefix(b" ").unwrap_or(value);
            Some((name.to_ascii_lowercase(), value.to_vec()))
        })
        .collect()
}

/// The joined chunks; `None` while the last one is still to come.
fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let at = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(rest.get(..at)?).ok()?, 16).ok()?;
        let data = rest.get(at.checked_add(2)?..)?;
        body.extend_from_slice(data.get(..size)?);
        rest = data.get(size.checked_add(2)?..)?;
        if size == 0 {
            return Some(body);
        }
    }
}
