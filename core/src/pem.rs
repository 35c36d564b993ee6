//! PEM certificates to DER, strictly, and back (RFC 7468).

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::reason::Detail;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// What stands for a line break within a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breaks {
    /// LF or CRLF.
    Lines,
    /// Spaces and tabs too, as in a header.
    Folded,
}

/// How many blocks there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocks {
    One,
    /// One or more, of which the first counts.
    Several,
}

/// The DER of exactly one certificate block. Line breaks are LF or CRLF; white space may stand before
/// and after the block, and nothing else may.
#[must_use]
pub fn decode(pem: &[u8]) -> Option<Vec<u8>> {
    read(pem, Breaks::Lines, Blocks::One).ok()
}

/// The DER of the first certificate block. White space may stand around a block, and nothing else.
///
/// # Errors
/// `bad_encoding`; `bad_certificate` for a second block where there may be one.
pub(crate) fn read(pem: &[u8], breaks: Breaks, blocks: Blocks) -> Result<Vec<u8>, Detail> {
    let (first, mut rest) = block(pem.trim_ascii(), breaks)?;
    while !rest.is_empty() {
        if blocks == Blocks::One {
            let is_block = rest.starts_with(BEGIN);
            return Err(if is_block { Detail::BadCertificate } else { Detail::BadEncoding });
        }
        (_, rest) = block(rest, breaks)?;
    }
    Ok(first)
}

/// The block with which a text starts, and what follows it.
fn block(text: &[u8], breaks: Breaks) -> Result<(Vec<u8>, &[u8]), Detail> {
    let find = || {
        let mut rest = text.strip_prefix(BEGIN)?;
        let mut text = Vec::with_capacity(rest.len());
        // Neither is a character of base64, so the first dash starts the end line, or nothing does.
        while let Some(at) = memchr::memchr2(b'-', b'\n', rest) {
            let (line, after) = rest.split_at_checked(at)?;
            rest = after;
            if rest.starts_with(b"-") {
                unfold(line, breaks, &mut text);
                break;
            }
            // A CR alone is a line break to some readers and not to others.
            unfold(line.strip_suffix(b"\r").unwrap_or(line), breaks, &mut text);
            rest = rest.get(1..)?;
        }
        let rest = rest.strip_prefix(END)?;
        let der = STANDARD.decode(text).ok().filter(|der| !der.is_empty())?;
        Some((der, rest.trim_ascii_start()))
    };
    find().ok_or(Detail::BadEncoding)
}

/// Appends a line.
fn unfold(line: &[u8], breaks: Breaks, text: &mut Vec<u8>) {
    match breaks {
        Breaks::Lines => text.extend_from_slice(line),
        Breaks::Folded => {
            line.split(|byte| matches!(byte, b' ' | b'\t')).for_each(|part| text.extend_from_slice(part));
        }
    }
}

/// A DER certificate as PEM: lines of 64 characters, each ended by LF.
#[must_use]
pub fn encode(der: &[u8]) -> String {
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    // 48 bytes make 64 characters, and only the last line may be shorter.
    for line in der.chunks(48) {
        STANDARD.encode_string(line, &mut out);
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for length in [1, 47, 48, 49, 500] {
            let der = alloc::vec![0xA5; length];
            let pem = encode(&der);
            assert!(pem.lines().all(|line| line.len() <= 64), "{pem}");
            assert_eq!(decode(pem.as_bytes()), Some(der));
        }
    }

    const BLOCK: &str = "-----BEGIN CERTIFICATE-----\nAAEC\r\nAw==\n-----END CERTIFICATE-----\n";

    #[test]
    fn one_block_and_nothing_else() {
        assert_eq!(decode(BLOCK.as_bytes()), Some(alloc::vec![0, 1, 2, 3]));
        for bad in [
            "",
            "AAEC",
            &alloc::format!("{BLOCK}{BLOCK}"),
            &alloc::format!("x{BLOCK}"),
            &alloc::format!("{BLOCK}x"),
            &BLOCK.replace("AAEC", "AA EC"),
            &BLOCK.replace("Aw==", "Aw="),
            &BLOCK.replace("\r\n", "\r"),
            &BLOCK.replace("\r\n", "\r\r\n"),
            &BLOCK.replace("\r\n", "\r "),
            &BLOCK.replace("Aw==", "Ax=="),
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        ] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn folded_blocks_and_chains() {
        let der = Ok(alloc::vec![0, 1, 2, 3]);
        let folded = BLOCK.replace('\r', "").replace('\n', " ");
        assert_eq!(read(folded.as_bytes(), Breaks::Folded, Blocks::One), der);
        assert_eq!(read(folded.replace("C A", "C\tA").as_bytes(), Breaks::Folded, Blocks::One), der);
        assert_eq!(read(folded.as_bytes(), Breaks::Lines, Blocks::One), Err(Detail::BadEncoding));
        let two = alloc::format!("{BLOCK}{BLOCK}");
        assert_eq!(read(two.as_bytes(), Breaks::Lines, Blocks::Several), der);
        assert_eq!(read(two.as_bytes(), Breaks::Lines, Blocks::One), Err(Detail::BadCertificate));
        for bad in [alloc::format!("{BLOCK}x"), alloc::format!("{BLOCK}-----BEGIN CERTIFICATE-----")] {
            assert_eq!(read(bad.as_bytes(), Breaks::Lines, Blocks::Several), Err(Detail::BadEncoding));
        }
    }
}
