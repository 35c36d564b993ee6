//! Certificates in DER.

use peergate_core::dn::NameText;
use peergate_core::x509::{Certificate, Name};

/// What is read has one reading: it is exactly these bytes, its names are RFC 4514 texts, and its JSON
/// is JSON.
pub fn check(input: &[u8]) {
    let _ = Name::from_der(input).map(|name| check_name(&name));
    let Ok(certificate) = Certificate::from_der(input) else { return };
    assert_eq!(input.first(), Some(&0x30));
    let longer = [input, &[0]].concat();
    assert!(Certificate::from_der(&longer).is_err(), "a byte after the end");
    let shorter = &input[..input.len() - 1];
    assert!(Certificate::from_der(shorter).is_err(), "without the last byte");
    check_name(&certificate.subject);
    check_name(&certificate.issuer);
    assert_ne!(certificate.serial.first(), Some(&0));
    let mut oids: Vec<_> = certificate.extensions.iter().map(|extension| &extension.oid).collect();
    oids.sort_unstable();
    oids.dedup();
    assert_eq!(oids.len(), certificate.extensions.len());
    let json: serde_json::Value = serde_json::from_str(&certificate.to_json(Some(true), None)).expect("JSON");
    assert_eq!(json["subjectAltNames"].as_array().map(Vec::len), Some(certificate.alt_names.len()));
}

fn check_name(name: &Name) {
    let text = NameText::parse(name.as_str().as_bytes()).expect("a name");
    let canonical = |name: NameText<'_>| {
        let mut out = Vec::new();
        name.write_canonical(&mut out);
        out
    };
    let forward = text.reversed();
    let back = NameText::parse(forward.as_bytes()).expect("a name").reversed();
    assert_eq!(back, name.as_str());
    assert_eq!(canonical(text), canonical(name.as_text()));
}
