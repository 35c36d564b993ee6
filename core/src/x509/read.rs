//! What x509-parser makes of the names in bytes that the walks have admitted. The only place that names it.
//!
//! Each name is given to it by itself. Read whole, a certificate would bring its readers of times and of
//! all extensions into the program, asked for or not.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::AttributeTypeAndValue;

use super::der::Elements;
use super::name::{self, Attribute};
use super::shape::{Outline, RawExtension};
use super::{AltName, Extension, Issuers, Leaf, Name, extension, primitive};
use crate::fingerprint::Fingerprint;

/// Room for the attributes of a name as most are.
const TYPICAL_ATTRIBUTES: usize = 8;

/// `None` where the parser disagrees with the walks.
pub(super) fn leaf(sha256: Fingerprint, outline: &Outline<'_>, issuers: &Issuers) -> Option<Leaf> {
    Some(Leaf {
        sha256,
        subject: name(outline.subject)?,
        issuer: issuers.read(outline.issuer)?,
        serial: significant(outline.serial).into(),
        window: outline.window,
        alt_names: alt_names(outline)?,
        // X509-SVID, section 5.2, asks for both.
        is_ca: outline.is_ca || outline.may_sign_certificates,
        texts: if outline.has_text { texts(outline)? } else { Vec::new() },
    })
}

/// A name, of which the parser reads each attribute. `None` where it reads another one than the walk.
pub(super) fn name(der: &[u8]) -> Option<Name> {
    let mut attributes = Vec::with_capacity(TYPICAL_ATTRIBUTES);
    let mut rdns = Elements::new(der).any().ok()?.inside();
    while !rdns.is_empty() {
        let mut rdn = rdns.any().ok()?.inside();
        let mut same_rdn = false;
        while !rdn.is_empty() {
            let before = rdn;
            let parts = rdn.any().ok()?.inside();
            attributes.push(attribute(rdn.taken_since(&before), parts, same_rdn)?);
            same_rdn = true;
        }
    }
    name::name(attributes.into_iter())
}

fn attribute<'a>(der: &'a [u8], mut parts: Elements<'a>, same_rdn: bool) -> Option<Attribute<'a>> {
    let (oid, value) = (parts.any().ok()?, parts.any().ok()?);
    let (rest, parsed) = AttributeTypeAndValue::from_der(der).ok()?;
    let read = parsed.attr_value();
    let is_same = rest.is_empty()
        && parsed.attr_type().as_bytes() == oid.content
        && identifier(&read.header) == Some(value.tag)
        && core::ptr::eq(read.data, value.content);
    is_same.then_some(Attribute { oid: oid.content, tag: value.tag, value: value.content, same_rdn })
}

/// The byte that stood in front of the value.
fn identifier(header: &x509_parser::asn1_rs::Header<'_>) -> Option<u8> {
    let number = u8::try_from(header.tag().0).ok().filter(|number| *number < 0x1F)?;
    let constructed = if header.is_constructed() { 0x20 } else { 0 };
    Some(((header.class() as u8) << 6) | constructed | number)
}

/// The alternative names that are kept, in order.
fn alt_names(outline: &Outline<'_>) -> Option<Vec<AltName>> {
    let mut names = Vec::with_capacity(outline.alt_name_count);
    let mut rest = outline.alt_names;
    while !rest.is_empty() {
        let before = rest;
        rest.any().ok()?;
        names.extend(alt_name(rest.taken_since(&before))?);
    }
    Some(names)
}

fn alt_name(der: &[u8]) -> Option<Option<AltName>> {
    let (rest, name) = GeneralName::from_der(der).ok()?;
    if !rest.is_empty() {
        return None;
    }
    Some(Some(match name {
        GeneralName::URI(text) => AltName::Uri(text.into()),
        GeneralName::DNSName(text) => AltName::Dns(text.into()),
        GeneralName::RFC822Name(text) => AltName::Email(text.into()),
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

/// The extensions that are text: no policy sees another.
fn texts(outline: &Outline<'_>) -> Option<Vec<Extension>> {
    let mut texts = Vec::new();
    for found in outline.extensions() {
        if extension::is_text(found.value) {
            texts.push(extension(&found)?);
        }
    }
    Some(texts)
}

/// All extensions, in order.
pub(super) fn extensions(outline: &Outline<'_>) -> Option<Vec<Extension>> {
    outline.extensions().map(|found| extension(&found)).collect()
}

fn extension(found: &RawExtension<'_>) -> Option<Extension> {
    let text = extension::string(found.value).ok()?;
    Some(Extension {
        oid: oid(found.oid)?,
        critical: found.critical,
        text: text.map(|text| String::from(text).into()),
    })
}

/// The extended key usages as dotted OIDs, in order.
pub(super) fn usages(outline: &Outline<'_>) -> Option<Vec<Box<str>>> {
    let mut usages = Vec::new();
    let mut rest = outline.extended_key_usages;
    while !rest.is_empty() {
        usages.push(oid(rest.any().ok()?.content)?);
    }
    Some(usages)
}

fn oid(der: &[u8]) -> Option<Box<str>> {
    let mut out = String::new();
    primitive::write_oid(der, &mut out)?;
    Some(out.into())
}

/// Without leading zero bytes.
fn significant(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(start..).unwrap_or_default()
}
