//! The certificates of the shared captures: what is read from one is what its maker put in, and what
//! Envoy said about it.

use std::collections::BTreeMap;

use peergate_core::pem;
use peergate_core::x509::{AltName, Certificate, X509Code};
use peergate_core::xfcc::Key;
use peergate_core::xfcc::text::{Event, Reader};
use serde_json::Value;

/// Names with bytes that no URI has: Envoy forwards them as they are, and here they are refused.
const REFUSED: &[&str] = &["uri-lf", "uri-non-utf8"];

fn shared() -> Value {
    let path = format!("{}/../tests/fixtures/vectors/envoy-captures.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Name and DER of each.
pub(crate) fn all() -> BTreeMap<String, Vec<u8>> {
    let shared = shared();
    let certificates = shared["certs"].as_object().unwrap().iter();
    certificates
        .map(|(name, text)| (name.clone(), pem::decode(text.as_str().unwrap().as_bytes()).unwrap()))
        .collect()
}

/// Those that are read.
pub(crate) fn readable() -> impl Iterator<Item = (String, Vec<u8>)> {
    all().into_iter().filter(|(name, _)| !REFUSED.contains(&name.as_str()))
}

#[test]
fn names_are_those_of_the_maker() {
    let sans = &shared()["sans"];
    let mut read = 0;
    for (name, der) in all() {
        let certificate = Certificate::from_der(&der);
        if REFUSED.contains(&name.as_str()) {
            assert_eq!(certificate.unwrap_err().code, X509Code::BadNameByte, "{name}");
            continue;
        }
        let certificate = certificate.unwrap_or_else(|error| panic!("{name}: {error}"));
        let (mut uri, mut dns, mut other) = (Vec::new(), Vec::new(), certificate.other_alt_names);
        for san in &certificate.alt_names {
            match san {
                AltName::Uri(text) => uri.push(text.as_ref()),
                AltName::Dns(text) => dns.push(text.as_ref()),
                AltName::Ip(_) | AltName::Email(_) => other += 1,
            }
        }
        assert_eq!(serde_json::json!({ "uri": uri, "dns": dns, "other": other }), sans[&name], "{name}");
        // 2025-01-01 to 2036-01-01, as the file says; the foreign one is its own authority, of another day.
        if name != "rogue" {
            assert_eq!(
                (certificate.not_before, certificate.not_after),
                (1_735_689_600, 2_082_758_400),
                "{name}"
            );
        }
        assert_eq!(certificate.is_ca, matches!(name.as_str(), "ca" | "intermediate" | "rogue"), "{name}");
        read += 1;
    }
    assert_eq!(read + REFUSED.len(), sans.as_object().unwrap().len());
    assert!(read > 30);
}

#[test]
fn subject_and_digest_are_what_envoy_wrote() {
    let certificates = all();
    let mut compared = 0;
    for capture in shared()["captures"].as_array().unwrap() {
        let (Some(client), Some(header), Some("text")) =
            (capture["client_cert"].as_str(), capture["xfcc"].as_str(), capture["format"].as_str())
        else {
            continue;
        };
        let Ok(certificate) = Certificate::from_der(&certificates[client]) else { continue };
        // Names that break the grammar forge pairs; one element with one subject is the caller's.
        let Ok(events) = Reader::new(header.as_bytes()).collect::<Result<Vec<_>, _>>() else { continue };
        let values = |wanted: Key| {
            let value = move |event: &Event<'_>| match event {
                Event::Pair(key, value) if *key == wanted => Some(value.raw.to_owned()),
                _ => None,
            };
            events.iter().filter_map(value).collect::<Vec<_>>()
        };
        let (subjects, hashes) = (values(Key::Subject), values(Key::Hash));
        let ([subject], [hash]) = (subjects.as_slice(), hashes.as_slice()) else { continue };
        let digest: String = certificate.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        if *hash != digest {
            // What the client sent, kept by ALWAYS_FORWARD_ONLY.
            continue;
        }
        // The quotes of the header are escaped as RFC 4514 has it already.
        assert_eq!(certificate.subject.as_str(), subject, "{}", capture["name"]);
        compared += 1;
    }
    assert!(compared > 30, "only {compared} subjects were compared");
}
