//! Certificates that sources have decoded, a few of them kept: callers come again, and their
//! certificate is the same text each time.

#[cfg(feature = "x509")]
pub(crate) use with_x509::{Certificates, Known};
#[cfg(not(feature = "x509"))]
pub(crate) use without_x509::{Certificates, Known};

#[cfg(feature = "x509")]
mod with_x509 {
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    use crate::credential::{AltNames, Credential};
    use crate::kept::Kept;
    use crate::limits::{CACHED_CERTIFICATE_TEXT_BYTES, CACHED_CERTIFICATES};
    use crate::reason::Detail;
    use crate::source::is_dns_name;
    use crate::x509::{AltName, Issuers, Leaf, X509Code};

    /// A certificate that a source may use.
    #[derive(Clone, Debug)]
    pub(crate) struct Known(Arc<Leaf>);

    impl Known {
        /// # Errors
        /// `too_many_sans`, `bad_certificate`, `bad_dns_name`.
        fn from_der(der: Vec<u8>, issuers: &Issuers) -> Result<Self, Detail> {
            let leaf = Leaf::from_der(der, issuers).map_err(|error| match error.code {
                X509Code::TooManySans => Detail::TooManySans,
                _ => Detail::BadCertificate,
            })?;
            let is_bad = |name: &AltName| matches!(name, AltName::Dns(name) if !is_dns_name(name));
            if leaf.alt_names().iter().any(is_bad) {
                return Err(Detail::BadDnsName);
            }
            Ok(Self(Arc::new(leaf)))
        }

        pub(crate) fn sha256(&self) -> &[u8; 32] {
            self.0.sha256().bytes()
        }

        pub(crate) fn alt_names(&self) -> AltNames<'_> {
            AltNames::Whole(self.0.alt_names())
        }

        pub(crate) fn credential(&self, verified: bool) -> Credential<'_> {
            self.0.credential(verified)
        }
    }

    /// The decoded certificates of one gate.
    #[derive(Debug)]
    pub(crate) struct Certificates {
        kept: Kept<Known, CACHED_CERTIFICATES, CACHED_CERTIFICATE_TEXT_BYTES>,
        issuers: Issuers,
    }

    impl Certificates {
        pub(crate) const fn new() -> Self {
            Self { kept: Kept::new(), issuers: Issuers::new() }
        }

        /// The certificate in a text. `decode` must depend on nothing but the text, and be the same
        /// each time: then what is kept for a text is what would be made of it again. Only what was
        /// accepted is kept.
        ///
        /// # Errors
        /// Those of `decode`; `too_many_sans`, `bad_certificate`, `bad_dns_name`.
        pub(crate) fn read(
            &self,
            text: &[u8],
            decode: impl FnOnce(&[u8]) -> Result<Vec<u8>, Detail>,
        ) -> Result<Known, Detail> {
            if let Some(known) = self.kept.find(text) {
                // For a caller who comes again it is computed once, and not where somebody asks.
                known.sha256();
                return Ok(known);
            }
            // Decoded without the lock.
            let known = Known::from_der(decode(text)?, &self.issuers)?;
            self.kept.keep(text, known.clone());
            Ok(known)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use rcgen::{CertificateParams, KeyPair};

        fn der(name: &str) -> Vec<u8> {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new([name.into()]).expect("a name");
            params.self_signed(&key).expect("a certificate").der().to_vec()
        }

        fn name(known: &Known) -> alloc::string::String {
            known.credential(true).names.dns().next().expect("a name").into_owned()
        }

        #[test]
        fn a_text_gets_its_own_certificate_however_many_there_are() {
            let certificates = Certificates::new();
            let (a, b) = (der("a.example"), der("b.example"));
            let decode = |text: &[u8]| Ok(if text.ends_with(b"a") { a.clone() } else { b.clone() });
            for round in 0..3 {
                for number in 0..2 * CACHED_CERTIFICATES {
                    for last in ["a", "b"] {
                        let text = alloc::format!("{number}{last}");
                        let known = certificates.read(text.as_bytes(), decode).expect("a certificate");
                        assert_eq!(name(&known), alloc::format!("{last}.example"), "{round} {text}");
                    }
                }
            }
            assert!((CACHED_CERTIFICATES / 2..=CACHED_CERTIFICATES).contains(&certificates.kept.count()));
        }

        #[test]
        fn a_text_is_decoded_once_and_a_refused_one_each_time() {
            let certificates = Certificates::new();
            let der = der("a.example");
            let mut count = 0;
            for _ in 0..3 {
                let known = certificates.read(b"good", |_| {
                    count += 1;
                    Ok(der.clone())
                });
                assert!(known.is_ok());
            }
            assert_eq!(count, 1);
            for _ in 0..3 {
                let known = certificates.read(b"bad", |_| {
                    count += 1;
                    Ok(Vec::from([0x30, 0]))
                });
                assert_eq!(known.err(), Some(Detail::BadCertificate));
            }
            assert_eq!(count, 4);
        }

        #[test]
        fn a_long_text_is_not_kept() {
            let certificates = Certificates::new();
            let der = der("a.example");
            let long = alloc::vec![b' '; CACHED_CERTIFICATE_TEXT_BYTES + 1];
            assert!(certificates.read(&long, |_| Ok(der)).is_ok());
            assert_eq!(certificates.kept.count(), 0);
        }
    }
}

/// A core that reads no certificates refuses every document that needs it to.
#[cfg(not(feature = "x509"))]
mod without_x509 {
    use alloc::vec::Vec;

    use crate::credential::{AltNames, Credential};
    use crate::reason::Detail;

    #[derive(Clone, Debug)]
    pub(crate) enum Known {}

    impl Known {
        pub(crate) fn sha256(&self) -> &[u8; 32] {
            match *self {}
        }

        pub(crate) fn alt_names(&self) -> AltNames<'_> {
            match *self {}
        }

        pub(crate) fn credential(&self, _verified: bool) -> Credential<'_> {
            match *self {}
        }
    }

    #[derive(Debug)]
    pub(crate) struct Certificates;

    impl Certificates {
        pub(crate) const fn new() -> Self {
            Self
        }

        pub(crate) fn read(
            &self,
            _text: &[u8],
            _decode: impl FnOnce(&[u8]) -> Result<Vec<u8>, Detail>,
        ) -> Result<Known, Detail> {
            Err(Detail::BadCertificate)
        }
    }
}
