//! An independent decoder on every certificate that is read: the same names, the same numbers.

use peergate_core::dn::NameText;
use peergate_core::x509::{AltName, Certificate};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName};
use x509_cert::name::Name;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::captures;
use super::made::{AUTHORITY, LEAF};

/// Compares a certificate that was read. `false`: the other decoder refuses it, for rules that it
/// has beside ours (sorted sets, arcs of 32 bits, serial numbers of at most 20 bytes).
pub(crate) fn agrees(der: &[u8], read: &Certificate) -> bool {
    whole_parser_agrees(der, read);
    webpki_agrees(der, read);
    let Ok(other) = x509_cert::Certificate::from_der(der) else { return false };
    let signed = other.tbs_certificate();
    // Zero has a byte there and none here.
    let serial = signed.serial_number().as_bytes();
    let start = serial.iter().position(|byte| *byte != 0).unwrap_or(serial.len());
    assert_eq!(&serial[start..], &*read.serial);
    let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap();
    assert_eq!(seconds(signed.validity().not_before), read.not_before);
    assert_eq!(seconds(signed.validity().not_after), read.not_after);
    same_name(signed.subject(), read.subject.as_text());
    same_name(signed.issuer(), read.issuer.as_text());
    let extensions = signed.extensions().map_or(&[][..], |all| all);
    let ids: Vec<_> = extensions.iter().map(|ext| (ext.extn_id.to_string(), ext.critical)).collect();
    let read_ids: Vec<_> = read.extensions.iter().map(|ext| (wrapped(&ext.oid), ext.critical)).collect();
    assert_eq!(ids, read_ids);

    let Ok(names) = signed.get_extension::<SubjectAltName>() else { return false };
    let names = names.map_or(vec![], |(_, names)| names.0);
    let (mut kept, mut others) = (Vec::new(), 0);
    for name in &names {
        match name {
            GeneralName::UniformResourceIdentifier(text) => kept.push(AltName::Uri(text.as_str().into())),
            GeneralName::DnsName(text) => kept.push(AltName::Dns(text.as_str().into())),
            GeneralName::Rfc822Name(text) => kept.push(AltName::Email(text.as_str().into())),
            GeneralName::IpAddress(bytes) => kept.push(AltName::Ip(match *bytes.as_bytes() {
                [a, b, c, d] => [a, b, c, d].into(),
                ref bytes => <[u8; 16]>::try_from(bytes).unwrap().into(),
            })),
            _ => others += 1,
        }
    }
    assert_eq!((&kept, others), (&read.alt_names, read.other_alt_names));

    let Ok(constraints) = signed.get_extension::<BasicConstraints>() else { return false };
    assert_eq!(constraints.is_some_and(|(_, constraints)| constraints.ca), read.is_ca);
    let Ok(usages) = signed.get_extension::<ExtendedKeyUsage>() else { return false };
    let usages = usages.map_or(vec![], |(_, usages)| usages.0);
    let usages: Vec<_> = usages.iter().map(ToString::to_string).collect();
    assert_eq!(usages, read.extended_key_usages.iter().map(|oid| wrapped(oid)).collect::<Vec<_>>());
    true
}

/// The parser that reads the parts for us reads the whole alike, and never refuses what we read.
fn whole_parser_agrees(der: &[u8], read: &Certificate) {
    let (rest, whole) = X509Certificate::from_der(der).expect("it is more lenient");
    assert!(rest.is_empty());
    let serial = whole.raw_serial();
    let start = serial.iter().position(|byte| *byte != 0).unwrap_or(serial.len());
    assert_eq!(&serial[start..], &*read.serial);
    let validity = whole.validity();
    assert_eq!(validity.not_before.timestamp(), read.not_before);
    assert_eq!(validity.not_after.timestamp(), read.not_after);
    // Not by their OIDs: it prints a first arc of 3, which there is none.
    let flags: Vec<_> = whole.extensions().iter().map(|ext| ext.critical).collect();
    assert_eq!(flags, read.extensions.iter().map(|ext| ext.critical).collect::<Vec<_>>());
    assert_eq!(whole.is_ca(), read.is_ca);
    let names = whole.subject_alternative_name().expect("at most one, and well-formed");
    let count = names.map_or(0, |names| names.value.general_names.len());
    assert_eq!(count, read.alt_names.len() + read.other_alt_names);
}

/// An OID as this decoder would read it: it lets arcs of more than 32 bits overflow without a word.
fn wrapped(oid: &str) -> String {
    let arcs = oid.split('.').map(|arc| arc.parse::<u128>().unwrap_or(0) % (1 << 32));
    arcs.map(|arc| arc.to_string()).collect::<Vec<_>>().join(".")
}

/// Types, borders and texts; a text is compared where both have one, since this decoder leaves a
/// TeletexString as bytes, and the RFC 4514 text has what is no PrintableString in hexadecimal.
fn same_name(other: &Name, read: NameText<'_>) {
    let (other, read) = (listed(other), attributes(read));
    assert_eq!(other.len(), read.len());
    for (other, read) in other.iter().zip(&read) {
        assert_eq!((&other.0, other.2), (&read.0, read.2));
        if other.1.is_some() && read.1.is_some() {
            assert_eq!(other.1, read.1);
        }
    }
}

/// Type, text if it is UTF-8 or ASCII by type, and whether an RDN starts, in the order of the text.
fn listed(name: &Name) -> Vec<(String, Option<String>, bool)> {
    let mut out = Vec::new();
    for rdn in name.iter_rdn().collect::<Vec<_>>().into_iter().rev() {
        for (at, attribute) in rdn.iter().collect::<Vec<_>>().into_iter().rev().enumerate() {
            let der = attribute.value.to_der().unwrap();
            let text = matches!(der[0], 0x0C | 0x13 | 0x16);
            let text = text.then(|| String::from_utf8(attribute.value.value().to_vec()).unwrap());
            out.push((attribute.oid.to_string(), text, at == 0));
        }
    }
    out
}

fn attributes(name: NameText<'_>) -> Vec<(String, Option<String>, bool)> {
    let attribute = |attribute: peergate_core::dn::Attribute<'_>| {
        let text = attribute.is_text.then(|| attribute.value.into_owned());
        (wrapped(attribute.ty.oid()), text, attribute.starts_rdn)
    };
    name.attributes().map(attribute).collect()
}

/// A third reader, as far as it lists names: DNS names only where a host can have them. `false`: it
/// refuses the certificate (versions before 3, critical extensions that it does not know).
fn webpki_agrees(der: &[u8], read: &Certificate) -> bool {
    let der = rustls_pki_types::CertificateDer::from(der);
    let Ok(other) = webpki::EndEntityCert::try_from(&der) else { return false };
    let serial = other.serial();
    let start = serial.iter().position(|byte| *byte != 0).unwrap_or(serial.len());
    assert_eq!(&serial[start..], &*read.serial);
    let names = |wanted: fn(&AltName) -> Option<&str>| read.alt_names.iter().filter_map(wanted);
    let uris = names(|name| if let AltName::Uri(uri) = name { Some(uri) } else { None });
    assert!(other.valid_uri_names().eq(uris));
    let mut dns = names(|name| if let AltName::Dns(dns) = name { Some(dns) } else { None });
    assert!(other.valid_dns_names().all(|name| dns.any(|own| own == name)));
    true
}

#[test]
fn all_certificates_that_are_read() {
    let made = [("leaf".to_owned(), LEAF.clone()), ("authority".to_owned(), AUTHORITY.clone())];
    let mut compared = 0;
    for (name, der) in captures::readable().chain(made) {
        let read = Certificate::from_der(&der).unwrap();
        assert!(agrees(&der, &read), "{name}");
        assert!(webpki_agrees(&der, &read), "{name}");
        compared += 1;
    }
    assert!(compared > 30);
}
