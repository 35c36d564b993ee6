//! What x509-parser makes of bytes that the walks have admitted. The only place that names it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use sha2::{Digest, Sha256};
use x509_parser::certificate::Validity;
use x509_parser::extensions::{GeneralName, SubjectAlternativeName};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::name::{self, Attribute};
use super::shape::{Outline, RawExtension};
use super::{AltName, Certificate, Extension, Name, extension, primitive};

/// `None` where the parser disagrees with the walks. Each part is given to it by itself: read whole,
/// a certificate would bring its readers of all extensions into the program, asked for or not.
pub(super) fn certificate(der: &[u8], outline: &Outline<'_>) -> Option<Certificate> {
    let (not_before, not_after) = validity(outline.validity)?;
    let names = alt_names(&outline.extensions)?;
    if names.len() != outline.alt_names {
        return None;
    }
    let listed = names.len();
    let alt_names: Vec<_> = names.into_iter().flatten().collect();
    Some(Certificate {
        sha256: Sha256::digest(der).into(),
        subject: name_alone(outline.subject)?,
        issuer: name_alone(outline.issuer)?,
        serial: significant(outline.serial).into(),
        not_before,
        not_after,
        other_alt_names: listed.saturating_sub(alt_names.len()),
        alt_names,
        is_ca: outline.is_ca,
        may_sign_certificates: outline.may_sign_certificates,
        extended_key_usages: outline.extended_key_usages.iter().copied().map(oid).collect::<Option<_>>()?,
        extensions: outline.extensions.iter().map(extension).collect::<Option<_>>()?,
    })
}

/// First and last second, since 1970.
fn validity(der: &[u8]) -> Option<(i64, i64)> {
    let (rest, validity) = Validity::from_der(der).ok()?;
    rest.is_empty().then(|| (validity.not_before.timestamp(), validity.not_after.timestamp()))
}

/// `None` where the parser disagrees with the walks.
pub(super) fn name_alone(der: &[u8]) -> Option<Name> {
    let (rest, parsed) = X509Name::from_der(der).ok()?;
    if rest.is_empty() { name(&parsed) } else { None }
}

fn name(name: &X509Name<'_>) -> Option<Name> {
    let mut attributes = Vec::new();
    for rdn in name.iter_rdn() {
        for (at, attribute) in rdn.iter().enumerate() {
            let value = attribute.attr_value();
            attributes.push(Attribute {
                oid: attribute.attr_type().as_bytes(),
                tag: identifier(&value.header)?,
                value: value.data,
                same_rdn: at > 0,
            });
        }
    }
    name::name(attributes.into_iter())
}

/// The byte that stood in front of the value.
fn identifier(header: &x509_parser::asn1_rs::Header<'_>) -> Option<u8> {
    let number = u8::try_from(header.tag().0).ok().filter(|number| *number < 0x1F)?;
    let constructed = if header.is_constructed() { 0x20 } else { 0 };
    Some(((header.class() as u8) << 6) | constructed | number)
}

/// All alternative names in order; `None` in place of one that is not kept.
fn alt_names(extensions: &[RawExtension<'_>]) -> Option<Vec<Option<AltName>>> {
    // There is at most one: `shape` refuses a second.
    let Some(found) = extensions.iter().find(|found| found.oid == extension::ALT_NAMES) else {
        return Some(Vec::new());
    };
    let (rest, names) = SubjectAlternativeName::from_der(found.value).ok()?;
    if !rest.is_empty() {
        return None;
    }
    names.general_names.iter().map(alt_name).collect()
}

fn alt_name(name: &GeneralName<'_>) -> Option<Option<AltName>> {
    Some(Some(match name {
        GeneralName::URI(text) => AltName::Uri((*text).into()),
        GeneralName::DNSName(text) => AltName::Dns((*text).into()),
        GeneralName::RFC822Name(text) => AltName::Email((*text).into()),
        GeneralName::IPAddress(bytes) => AltName::Ip(address(bytes)?),
        GeneralName::OtherName(..)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::RegisteredID(_) => return Some(None),
        GeneralName::Invalid(..) => return None,
    }))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn extension(found: &RawExtension<'_>) -> Option<Extension> {
    let text = extension::string(found.value, 0).ok()?;
    Some(Extension {
        oid: oid(found.oid)?,
        critical: found.critical,
        text: text.map(|text| String::from(text).into()),
    })
}

fn oid(der: &[u8]) -> Option<Box<str>> {
    primitive::oid_text(der).map(String::into_boxed_str)
}

/// Without leading zero bytes.
fn significant(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(start..).unwrap_or_default()
}
