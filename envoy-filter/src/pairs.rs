//! Header maps as the proxy hands them over (proxy-wasm ABI 0.2.1, "serialized map").
//!
//! A count, then for each pair the two lengths, then the bytes: all integers 32 bits little-endian,
//! every name and value followed by a NUL. Names and values are any bytes, so nothing here is text.

use peergate_core::Header;

/// Hands every header line of a buffer to `take`; `None` unless the buffer is exactly one map.
pub(crate) fn read<'b>(buffer: &'b [u8], mut take: impl FnMut(Header<'b>)) -> Option<()> {
    // The proxy hands over no buffer at all for an empty map.
    if buffer.is_empty() {
        return Some(());
    }
    let (count, rest) = integer(buffer)?;
    let (lengths, mut bytes) = rest.split_at_checked(count.checked_mul(8)?)?;
    for [name_length, value_length] in lengths.as_chunks().0.iter().map(two_lengths) {
        let (name, after) = terminated(bytes, name_length?)?;
        let (value, after) = terminated(after, value_length?)?;
        take((name, value));
        bytes = after;
    }
    bytes.is_empty().then_some(())
}

/// The same form, for the header lines of a local answer.
pub(crate) fn encode(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(&length(headers.len()));
    for (name, value) in headers {
        out.extend_from_slice(&length(name.len()));
        out.extend_from_slice(&length(value.len()));
    }
    for (name, value) in headers {
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.extend_from_slice(value.as_bytes());
        out.push(0);
    }
    out
}

fn length(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

fn integer(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*head)).ok()?, rest))
}

fn two_lengths([a, b, c, d, e, f, g, h]: &[u8; 8]) -> [Option<usize>; 2] {
    [[*a, *b, *c, *d], [*e, *f, *g, *h]].map(|bytes| usize::try_from(u32::from_le_bytes(bytes)).ok())
}

fn terminated(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    match rest.split_first() {
        Some((0, rest)) => Some((taken, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(buffer: &[u8]) -> Option<Vec<Header<'_>>> {
        let mut lines = Vec::new();
        read(buffer, |line| lines.push(line)).map(|()| lines)
    }

    fn map(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut out = (pairs.len() as u32).to_le_bytes().to_vec();
        for (name, value) in pairs {
            out.extend((name.len() as u32).to_le_bytes());
            out.extend((value.len() as u32).to_le_bytes());
        }
        for (name, value) in pairs {
            out.extend_from_slice(name);
            out.push(0);
            out.extend_from_slice(value);
            out.push(0);
        }
        out
    }

    #[test]
    fn reads_any_bytes_and_keeps_repeats_apart() {
        let pairs: &[(&[u8], &[u8])] =
            &[(b":path", b"/"), (b"a", b"\x00\xff\n"), (b"a", b""), (b"", b"x"), (b"\xfe", b"y")];
        assert_eq!(decode(&map(pairs)).unwrap(), pairs);
    }

    #[test]
    fn an_empty_map_has_two_forms() {
        assert_eq!(decode(b"").unwrap(), []);
        assert_eq!(decode(&[0, 0, 0, 0]).unwrap(), []);
    }

    #[test]
    fn refuses_every_truncation_and_extension() {
        let whole = map(&[(b"name", b"value"), (b"n", b"")]);
        for end in 1..whole.len() {
            assert_eq!(decode(&whole[..end]), None, "{end} bytes");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!(decode(&longer), None);
    }

    #[test]
    fn refuses_counts_and_lengths_that_lie() {
        let whole = map(&[(b"name", b"value")]);
        for position in 0..12 {
            for byte in [1_u8, 0x7f, 0xff] {
                let mut bad = whole.clone();
                bad[position] ^= byte;
                assert_eq!(decode(&bad), None, "byte {position} xor {byte:02x}");
            }
        }
    }

    #[test]
    fn refuses_a_missing_terminator() {
        let mut bad = map(&[(b"name", b"value")]);
        let last = bad.len() - 1;
        bad[last] = b'x';
        assert_eq!(decode(&bad), None);
    }

    #[test]
    fn encodes_what_it_decodes() {
        let headers = [("content-type", "application/problem+json"), ("x", "")];
        let decoded: Vec<_> = headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        assert_eq!(decode(&encode(&headers)).unwrap(), decoded);
    }
}
