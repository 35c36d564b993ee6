//! One PEM certificate to DER, strictly (RFC 7468).

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

#[cfg(test)]
mod tests {
    use super::*;

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
