//! Whatever the bytes are, the reader answers, and what it reads another decoder reads alike.

use std::sync::LazyLock;

use peergate_core::dn::NameText;
use peergate_core::x509::{AltName, Certificate, X509Code};
use proptest::prelude::*;
use proptest::sample::Index;

use super::captures;
use super::made::{AUTHORITY, LEAF};
use super::second_opinion::agrees;

static REAL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    captures::readable().map(|(_, der)| der).chain([LEAF.clone(), AUTHORITY.clone()]).collect()
});

/// Bytes that decide something in DER.
const BYTES: &[u8] = &[
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x10, 0x11, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1E, 0x1F,
    0x2C, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x82, 0x84, 0x86, 0x87, 0xA0, 0xA3, 0xA6, 0xFF,
];

/// One change to some bytes.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Swap(Index, Index),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(BYTES)];
    prop_oneof![
        4 => (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => (any::<Index>(), byte).prop_map(|(at, byte)| Change::Insert(at, byte)),
        1 => any::<Index>().prop_map(Change::Remove),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Change::Swap(a, b)),
        1 => any::<Index>().prop_map(Change::Cut),
    ]
}

fn apply(der: &mut Vec<u8>, change: &Change) {
    if der.is_empty() {
        return;
    }
    let length = der.len();
    match change {
        Change::Set(at, byte) => der[at.index(length)] = *byte,
        Change::Insert(at, byte) => der.insert(at.index(length), *byte),
        Change::Remove(at) => drop(der.remove(at.index(length))),
        Change::Swap(a, b) => der.swap(a.index(length), b.index(length)),
        Change::Cut(at) => der.truncate(at.index(length)),
    }
}

/// What holds of any answer.
fn check(der: &[u8]) -> Result<bool, TestCaseError> {
    let certificate = match Certificate::from_der(der) {
        Ok(certificate) => certificate,
        Err(error) => {
            prop_assert!(error.offset <= der.len());
            prop_assert_ne!(error.code, X509Code::Unreadable, "the parser disagrees with the walks");
            return Ok(false);
        }
    };
    for name in [&certificate.subject, &certificate.issuer] {
        prop_assert_eq!(NameText::parse(name.as_str().as_bytes()), Ok(name.as_text()));
        prop_assert!(name.as_str().bytes().all(|byte| matches!(byte, 0x20..=0x7E)));
    }
    for name in &certificate.alt_names {
        if let AltName::Uri(text) | AltName::Dns(text) | AltName::Email(text) = name {
            prop_assert!(text.bytes().all(|byte| matches!(byte, 0x20..=0x7E)));
        }
    }
    let json: serde_json::Value = serde_json::from_str(&certificate.to_json(Some(true), None)).unwrap();
    prop_assert_eq!(json["subjectAltNames"].as_array().unwrap().len(), certificate.alt_names.len());
    agrees(der, &certificate);
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes(der in proptest::collection::vec(any::<u8>(), 0..600)) {
        check(&der)?;
    }

    #[test]
    fn any_elements(der in proptest::collection::vec(proptest::sample::select(BYTES), 0..200)) {
        let length = u16::try_from(der.len()).unwrap().to_be_bytes();
        check(&[&[0x30, 0x82][..], &length, &der].concat())?;
        check(&der)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn mutated(at in any::<Index>(), changes in proptest::collection::vec(change(), 1..4)) {
        let mut der = at.get(&REAL).clone();
        for change in &changes {
            apply(&mut der, change);
        }
        check(&der)?;
    }
}

#[test]
fn every_byte_of_a_certificate_changed() {
    let mut read = 0;
    for at in 0..LEAF.len() {
        for value in BYTES.iter().copied().chain([LEAF[at] ^ 0x20, LEAF[at] ^ 1, LEAF[at].wrapping_add(1)]) {
            let mut der = LEAF.clone();
            der[at] = value;
            read += usize::from(check(&der).unwrap());
        }
        assert!(!check(&LEAF[..at]).unwrap(), "cut at {at}");
    }
    // Key, signature and texts may hold many bytes.
    assert!(read > 1000, "{read}");
}
