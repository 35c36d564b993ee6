//! Certificates that sources have decoded, a few of them kept: callers come again, and their
//! certificate is the same text each time.

#[cfg(feature = "x509")]
pub(crate) use with_x509::{Certificates, Known};
#[cfg(not(feature = "x509"))]
pub(crate) use without_x509::{Certificates, Known};

#[cfg(feature = "x509")]
mod with_x509 {
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use core::hash::{BuildHasher, Hasher};
    use std::sync::{Arc, Mutex, PoisonError};

    use foldhash::fast::FixedState;
    use sha2::{Digest, Sha256};

    use crate::credential::{AltNames, Credential};
    use crate::limits::{CACHED_CERTIFICATE_TEXT_BYTES, CACHED_CERTIFICATES};
    use crate::reason::Detail;
    use crate::source::is_dns_name;
    use crate::x509::{AltName, Certificate, X509Code};

    /// A certificate that a source may use.
    #[derive(Clone, Debug)]
    pub(crate) struct Known(Arc<Certificate>);

    impl Known {
        /// # Errors
        /// `too_many_sans`, `bad_certificate`, `bad_dns_name`.
        fn from_der(der: &[u8]) -> Result<Self, Detail> {
            let certificate = Certificate::from_der(der).map_err(|error| match error.code {
                X509Code::TooManySans => Detail::TooManySans,
                _ => Detail::BadCertificate,
            })?;
            let is_bad = |name: &AltName| matches!(name, AltName::Dns(name) if !is_dns_name(name));
            if certificate.alt_names.iter().any(is_bad) {
                return Err(Detail::BadDnsName);
            }
            Ok(Self(Arc::new(certificate)))
        }

        pub(crate) fn sha256(&self) -> &[u8; 32] {
            &self.0.sha256
        }

        pub(crate) fn alt_names(&self) -> AltNames<'_> {
            AltNames::Whole(&self.0.alt_names)
        }

        pub(crate) fn credential(&self, verified: bool) -> Credential<'_> {
            self.0.credential(verified)
        }
    }

    /// How many certificates share a place in the cache.
    const WAYS: usize = 4;
    const SETS: usize = CACHED_CERTIFICATES / WAYS;

    /// Bytes at the end of a text that hold the signature, in any encoding.
    const SIGNATURE: usize = 192;

    /// Whether two texts are equal, eight bytes at a time: WebAssembly compares slices byte by byte.
    fn is_same(a: &[u8], b: &[u8]) -> bool {
        let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
        let word = |word: &[u8; 8]| u64::from_ne_bytes(*word);
        a.len() == b.len() && a_words.iter().map(word).eq(b_words.iter().map(word)) && a_rest == b_rest
    }

    /// The decoded certificates of one gate.
    #[derive(Debug)]
    pub(crate) struct Certificates {
        sets: Mutex<Vec<Set>>,
        hasher: FixedState,
        /// The DER of each that was decoded, where somebody wants it afterwards.
        decoded: Option<Mutex<Vec<Vec<u8>>>>,
    }

    /// The newest first.
    type Set = Vec<Entry>;

    #[derive(Debug)]
    struct Entry {
        text: Box<[u8]>,
        known: Known,
    }

    impl Certificates {
        pub(crate) fn new() -> Self {
            Self { sets: Mutex::new(Vec::new()), hasher: FixedState::with_seed(0), decoded: None }
        }

        /// Keeps the DER of each certificate, for [`Certificates::der`].
        pub(crate) fn recording() -> Self {
            Self { decoded: Some(Mutex::default()), ..Self::new() }
        }

        /// The DER with this fingerprint, if it was decoded here.
        pub(crate) fn der(&self, sha256: &[u8; 32]) -> Option<Vec<u8>> {
            let decoded = self.decoded.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
            decoded.iter().find(|der| Sha256::digest(der)[..] == sha256[..]).cloned()
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
            if text.len() > CACHED_CERTIFICATE_TEXT_BYTES {
                return self.known(decode(text)?);
            }
            let set = self.set_of(text);
            if let Some(known) = self.find(set, text) {
                return Ok(known);
            }
            // Decoded without the lock.
            let known = self.known(decode(text)?)?;
            self.keep(set, text, &known);
            Ok(known)
        }

        fn known(&self, der: Vec<u8>) -> Result<Known, Detail> {
            let known = Known::from_der(&der)?;
            if let Some(decoded) = &self.decoded {
                decoded.lock().unwrap_or_else(PoisonError::into_inner).push(der);
            }
            Ok(known)
        }

        /// By the end of the text, where the signature is; which of a set it is, only the whole tells.
        fn set_of(&self, text: &[u8]) -> usize {
            let mut hasher = self.hasher.build_hasher();
            hasher.write_usize(text.len());
            hasher.write(text.last_chunk::<SIGNATURE>().map_or(text, |end| end));
            // The low bits, for as many sets as a power of two.
            const { assert!(SETS.is_power_of_two()) };
            usize::try_from(hasher.finish() & const { SETS as u64 - 1 }).unwrap_or_default()
        }

        fn find(&self, set: usize, text: &[u8]) -> Option<Known> {
            let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = sets.get(set)?.iter().find(|entry| is_same(&entry.text, text))?;
            Some(entry.known.clone())
        }

        fn keep(&self, set: usize, text: &[u8], known: &Known) {
            let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            if sets.is_empty() {
                sets.resize_with(SETS, Vec::new);
            }
            if let Some(set) = sets.get_mut(set) {
                set.truncate(WAYS.saturating_sub(1));
                set.insert(0, Entry { text: text.into(), known: known.clone() });
            }
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
            let kept = certificates.sets.lock().expect("a lock").iter().map(Vec::len).sum::<usize>();
            assert!((CACHED_CERTIFICATES / 2..=CACHED_CERTIFICATES).contains(&kept), "{kept}");
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
        fn texts_that_differ_anywhere_are_two() {
            for length in [0, 1, 7, 8, 9, 31, 64, 200] {
                let text = alloc::vec![7; length];
                assert!(is_same(&text, &text.clone()));
                assert!(!is_same(&text, &[&text[..], b"x"].concat()));
                for at in 0..length {
                    let mut other = text.clone();
                    other[at] ^= 1;
                    assert!(!is_same(&text, &other), "{length} {at}");
                }
            }
        }

        #[test]
        fn texts_with_one_end_are_kept_apart() {
            let certificates = Certificates::new();
            let (a, b) = (der("a.example"), der("b.example"));
            let texts = ["a", "b"].map(|start| [start.as_bytes(), &[b' '; SIGNATURE]].concat());
            for _ in 0..2 {
                for (text, der, expected) in [(&texts[0], &a, "a.example"), (&texts[1], &b, "b.example")] {
                    let known = certificates.read(text, |_| Ok(der.clone())).expect("a certificate");
                    assert_eq!(name(&known), expected);
                }
            }
        }

        #[test]
        fn a_long_text_is_not_kept() {
            let certificates = Certificates::new();
            let der = der("a.example");
            let long = alloc::vec![b' '; CACHED_CERTIFICATE_TEXT_BYTES + 1];
            assert!(certificates.read(&long, |_| Ok(der)).is_ok());
            assert!(certificates.sets.lock().expect("a lock").is_empty());
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

        pub(crate) const fn recording() -> Self {
            Self
        }

        pub(crate) fn der(&self, _sha256: &[u8; 32]) -> Option<Vec<u8>> {
            None
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
