//! The frame: one request, as JavaScript writes it.
//!
//! Numbers come first, all little-endian, then bytes, each as many as a number said; the last piece
//! ends exactly where the frame does. A frame of which that is not true is no request. All text
//! stands in one place, so that JavaScript writes it at one go.
//!
//! | bytes | what |
//! |---|---|
//! | 4, 4 | number of the frame, its length in bytes |
//! | 1 | flags: [`UNTRUSTED_PEER`], [`HAS_CLOCK`], [`VERIFIED`] |
//! | 1 | form of the connection's certificate: 0 none, 1 DER, 2 PEM, 3 SHA-256 in hexadecimal digits |
//! | 2 | number of header lines |
//! | 8 | seconds since 1970, signed |
//! | 4, 4, 4 | length of the method, the target, the connection's certificate (0 when there is none) |
//! | 4, 4 | for each line: length of its name, of its value |
//! | .. | method, target, name and value of each line, certificate |
//!
//! [`GateHandle::keep`](crate::GateHandle::keep) takes such a frame without method and target. The frame of
//! [`GateHandle::again`](crate::GateHandle::again) has its number (4 bytes), then method and target; how long
//! they are is said in the call.

use peergate_core::{Header, Peer, PeerCertificate, Request};

/// The peer of the connection may not speak for callers.
const UNTRUSTED_PEER: u8 = 1;
/// The time is known.
const HAS_CLOCK: u8 = 2;
/// The TLS layer verified the connection's certificate.
const VERIFIED: u8 = 4;

/// A request, and what the host thinks of the peer that sent it.
pub(crate) struct Asked<'f> {
    pub(crate) method: &'f [u8],
    pub(crate) target: &'f [u8],
    pub(crate) headers: Vec<Header<'f>>,
    pub(crate) connection: Option<Peer<'f>>,
    pub(crate) now: Option<i64>,
    pub(crate) untrusted_peer: bool,
}

impl Asked<'_> {
    /// The request, as core takes it.
    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            method: self.method,
            target: self.target,
            headers: &self.headers,
            connection: self.connection,
            now: self.now,
        }
    }
}

/// Reads a frame; `None` when a length in it does not fit.
pub(crate) fn read(frame: &[u8]) -> Option<Asked<'_>> {
    let mut pieces = Pieces { rest: frame };
    let _number = pieces.u32()?;
    if pieces.u32()? as usize != frame.len() {
        return None;
    }
    let [flags, form] = pieces.array()?;
    let lines = usize::from(u16::from_le_bytes(pieces.array()?));
    let now = i64::from_le_bytes(pieces.array()?);
    let (method, target, certificate) = (pieces.u32()?, pieces.u32()?, pieces.u32()?);
    let mut lengths = Pieces { rest: pieces.bytes(u32::try_from(lines.checked_mul(8)?).ok()?)? };
    let method = pieces.bytes(method)?;
    let target = pieces.bytes(target)?;
    let mut headers = Vec::with_capacity(lines);
    for _ in 0..lines {
        headers.push((pieces.bytes(lengths.u32()?)?, pieces.bytes(lengths.u32()?)?));
    }
    let certificate = pieces.bytes(certificate)?;
    if !pieces.rest.is_empty() {
        return None;
    }
    let certificate = match form {
        0 if certificate.is_empty() => None,
        1 => Some(PeerCertificate::Der(certificate)),
        2 => Some(PeerCertificate::Pem(certificate)),
        3 => Some(PeerCertificate::Sha256Hex(certificate)),
        _ => return None,
    };
    Some(Asked {
        method,
        target,
        headers,
        connection: certificate.map(|certificate| Peer { certificate, verified: flags & VERIFIED != 0 }),
        now: (flags & HAS_CLOCK != 0).then_some(now),
        untrusted_peer: flags & UNTRUSTED_PEER != 0,
    })
}

/// What is left of a frame.
struct Pieces<'f> {
    rest: &'f [u8],
}

impl<'f> Pieces<'f> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn bytes(&mut self, length: u32) -> Option<&'f [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length as usize)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&[u8]; 4] = [b"a", b"1", b"bc", b""];

    fn frame() -> Vec<u8> {
        let mut out = vec![1, 0, 0, 0, 0, 0, 0, 0, HAS_CLOCK | VERIFIED, 1, 2, 0];
        out.extend_from_slice(&(-2_i64).to_le_bytes());
        for piece in [&b"GET"[..], b"/a?b", b"der"].into_iter().chain(LINES) {
            out.extend_from_slice(&u32::try_from(piece.len()).unwrap().to_le_bytes());
        }
        for piece in [&b"GET"[..], b"/a?b"].into_iter().chain(LINES).chain([&b"der"[..]]) {
            out.extend_from_slice(piece);
        }
        seal(&mut out);
        out
    }

    fn seal(frame: &mut [u8]) {
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        frame[4..8].copy_from_slice(&length);
    }

    #[test]
    fn a_frame_is_read_whole() {
        let frame = frame();
        let asked = read(&frame).unwrap();
        assert_eq!((asked.method, asked.target), (&b"GET"[..], &b"/a?b"[..]));
        assert_eq!(asked.headers, [(&b"a"[..], &b"1"[..]), (&b"bc"[..], &b""[..])]);
        assert_eq!((asked.now, asked.untrusted_peer), (Some(-2), false));
        let peer = asked.connection.unwrap();
        assert!(peer.verified && matches!(peer.certificate, PeerCertificate::Der(b"der")));
    }

    #[test]
    fn a_form_that_there_is_not_is_refused() {
        let mut frame = frame();
        for form in 0..=255 {
            frame[9] = form;
            let peer = read(&frame).map(|asked| asked.connection.unwrap().certificate);
            let known = matches!(
                (form, peer),
                (1, Some(PeerCertificate::Der(b"der")))
                    | (2, Some(PeerCertificate::Pem(b"der")))
                    | (3, Some(PeerCertificate::Sha256Hex(b"der")))
                    | (0 | 4.., None)
            );
            assert!(known, "form {form}");
        }
    }

    #[test]
    fn every_shorter_frame_is_refused() {
        let whole = frame();
        for length in 0..whole.len() {
            let mut cut = whole[..length].to_vec();
            if length >= 8 {
                seal(&mut cut);
            }
            assert!(read(&cut).is_none(), "cut at {length}");
        }
    }

    #[test]
    fn every_changed_length_is_refused() {
        let whole = frame();
        // Each number: the frame's length, how many lines, method, target, certificate, names, values.
        for at in [4, 10, 20, 24, 28, 32, 36, 40, 44] {
            for change in [1, 8, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= change;
                assert!(read(&changed).is_none(), "at {at} by {change}");
            }
        }
    }

    #[test]
    fn a_longer_frame_is_refused() {
        let mut longer = frame();
        longer.push(0);
        seal(&mut longer);
        assert!(read(&longer).is_none());
    }
}
