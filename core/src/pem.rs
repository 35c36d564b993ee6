//! One PEM certificate to DER, strictly, and back (RFC 7468).

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// The DER of exactly one certificate block. Line breaks are LF or CRLF; white space may stand before
/// and after the block, and nothing else may.
#[must_use]
pub fn decode(pem: &[u8]) -> Option<Vec<u8>> {
    let body = pem.trim_ascii().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let body: Vec<u8> = body.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    // A second block would leave dashes here, which base64 has not.
    STANDARD.decode(body).ok().filter(|der| !der.is_empty())
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

    #[test]
    fn one_block_and_nothing_else() {
        let block = "-----BEGIN CERTIFICATE-----\nAAEC\r\nAw==\n-----END CERTIFICATE-----\n";
        assert_eq!(decode(block.as_bytes()), Some(alloc::vec![0, 1, 2, 3]));
        for bad in [
            "",
            "AAEC",
            &alloc::format!("{block}{block}"),
            &alloc::format!("x{block}"),
            &block.replace("AAEC", "AA EC"),
            &block.replace("Aw==", "Aw="),
            &block.replace("Aw==", "Ax=="),
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        ] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad}");
        }
    }
}
