//! SHA-256 of a certificate. Of a whole one it is computed when it is first asked for: it is the dearest
//! part of reading a certificate, and most policies name callers otherwise.

use core::fmt;

use crate::decision::hex;

/// SHA-256 of a certificate, known or still to be computed. Two are equal if their bytes are.
#[derive(Clone)]
pub struct Fingerprint(Inner);

#[derive(Clone)]
enum Inner {
    Known([u8; 32]),
    #[cfg(feature = "x509")]
    Of(alloc::sync::Arc<Whole>),
}

/// A certificate, and its fingerprint once it was asked for.
#[cfg(feature = "x509")]
struct Whole {
    der: alloc::vec::Vec<u8>,
    sha256: std::sync::OnceLock<[u8; 32]>,
}

impl From<[u8; 32]> for Fingerprint {
    fn from(sha256: [u8; 32]) -> Self {
        Self(Inner::Known(sha256))
    }
}

impl Fingerprint {
    /// Of a certificate in DER.
    #[cfg(feature = "x509")]
    pub(crate) fn of(der: alloc::vec::Vec<u8>) -> Self {
        Self(Inner::Of(alloc::sync::Arc::new(Whole { der, sha256: std::sync::OnceLock::new() })))
    }

    /// The 32 bytes; computed now, unless they were before.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        match &self.0 {
            Inner::Known(sha256) => sha256,
            #[cfg(feature = "x509")]
            Inner::Of(whole) => {
                use sha2::{Digest, Sha256};
                whole.sha256.get_or_init(|| Sha256::digest(&whole.der).into())
            }
        }
    }

    /// The 32 bytes, if nothing is left to compute: for hosts that compute them better, or later.
    #[must_use]
    pub fn known(&self) -> Option<&[u8; 32]> {
        match &self.0 {
            Inner::Known(sha256) => Some(sha256),
            #[cfg(feature = "x509")]
            Inner::Of(whole) => whole.sha256.get(),
        }
    }

    /// The certificate in DER, where a whole one was read.
    #[must_use]
    pub fn der(&self) -> Option<&[u8]> {
        match &self.0 {
            Inner::Known(_) => None,
            #[cfg(feature = "x509")]
            Inner::Of(whole) => Some(&whole.der),
        }
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Fingerprint {}

/// 64 lower-case hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.bytes()))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "x509")]
    #[test]
    fn it_is_computed_when_it_is_asked_for_and_then_is_for_all_copies() {
        use sha2::{Digest, Sha256};
        let expected: [u8; 32] = Sha256::digest(b"certificate").into();
        let whole = Fingerprint::of(b"certificate".to_vec());
        let copy = whole.clone();
        assert_eq!((whole.known(), copy.known()), (None, None));
        assert_eq!(whole.der(), Some(&b"certificate"[..]));
        assert_eq!(copy.bytes(), &expected);
        assert_eq!(whole.known(), Some(&expected));
        assert_eq!(whole, Fingerprint::from(expected));
        assert_ne!(whole, Fingerprint::of(b"Certificate".to_vec()));
    }

    #[test]
    fn one_that_was_told_is_known_and_has_no_certificate() {
        let told = Fingerprint::from([0xAB; 32]);
        assert_eq!((told.known(), told.der()), (Some(&[0xAB; 32]), None));
        assert_eq!(alloc::format!("{told} {told:?}"), ["ab".repeat(32), "ab".repeat(32)].join(" "));
        assert_ne!(told, Fingerprint::from([0xAC; 32]));
    }
}
