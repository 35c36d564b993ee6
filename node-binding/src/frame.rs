//! The frame: one request, as JavaScript writes it.
//!
//! All numbers are little-endian. Every length is followed by exactly that many bytes, and the last
//! piece ends exactly where the frame does; a frame of which that is not true is no request.
//!
//! | bytes | what |
//! |---|---|
//! | 4, 4 | number of the frame, its length in bytes |
//! | 1 | flags: [`UNTRUSTED_PEER`], [`HAS_CLOCK`], [`VERIFIED`] |
//! | 1 | form of the connection's certificate: 0 none, 1 DER, 2 PEM, 3 SHA-256 in hexadecimal digits |
//! | 8 | seconds since 1970, signed |
//! | 4 + n | method |
//! | 4 + n | target |
//! | 4 + n | the connection's certificate; empty when there is none |
//! | 4 | number of header lines |
//! | 4 + n, 4 + n | name and value of each |

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
    let [flags, form] = pieces.array::<2>()?;
    let now = i64::from_le_bytes(pieces.array()?);
    let method = pieces.bytes()?;
    let target = pieces.bytes()?;
    let certificate = pieces.bytes()?;
    let certificate = match form {
        0 if certificate.is_empty() => None,
        1 => Some(PeerCertificate::Der(certificate)),
        2 => Some(PeerCertificate::Pem(certificate)),
        3 => Some(PeerCertificate::Sha256Hex(certificate)),
        _ => return None,
    };
    let headers = pieces.headers()?;
    if !pieces.rest.is_empty() {
        return None;
    }
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

    fn bytes(&mut self) -> Option<&'f [u8]> {
        let length = self.u32()?;
        let (taken, rest) = self.rest.split_at_checked(length as usize)?;
        self.rest = rest;
        Some(taken)
    }

    fn headers(&mut self) -> Option<Vec<Header<'f>>> {
        let count = self.u32()? as usize;
        // A line takes eight bytes at least: a count that promises more is not believed.
        if count > self.rest.len() / 8 {
            return None;
        }
        let mut headers = Vec::with_capacity(count);
        for _ in 0..count {
            headers.push((self.bytes()?, self.bytes()?));
        }
        Some(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(out: &mut Vec<u8>, bytes: &[u8]) {
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
        out.extend_from_slice(bytes);
    }

    fn frame() -> Vec<u8> {
        let mut out = vec![1, 0, 0, 0, 0, 0, 0, 0, HAS_CLOCK | VERIFIED, 1];
        out.extend_from_slice(&(-2_i64).to_le_bytes());
        piece(&mut out, b"GET");
        piece(&mut out, b"/a?b");
        piece(&mut out, b"der");
        out.extend_from_slice(&2_u32.to_le_bytes());
        for bytes in [&b"a"[..], b"1", b"b", b""] {
            piece(&mut out, bytes);
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
        assert_eq!(asked.headers, [(&b"a"[..], &b"1"[..]), (&b"b"[..], &b""[..])]);
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
        // Each place of a length: the frame's own, method, target, certificate, count, name.
        for at in [4, 18, 25, 33, 40, 44] {
            for change in [1, 7, 0xff] {
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
