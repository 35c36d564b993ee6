//! The parts of a certificate and their order (RFC 5280, section 4.1).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::X509Code::{
    AlgorithmMismatch, BadVersion, DuplicateExtension, EmptyList, ExplicitDefault, NegativeInteger, TooLong,
    UnexpectedTag,
};
use super::X509Error;
use super::der::{
    BIT_STRING, BOOLEAN, Element, Elements, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, error, walk,
};
use super::{extension, primitive};
use crate::limits::CERTIFICATE_BYTES;

const VERSION: u8 = 0xA0;
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xA3;
const UTC_TIME: u8 = 23;
const GENERALIZED_TIME: u8 = 24;

/// Where the parts of a certificate are, and what the walk saw of them.
#[derive(Debug, Default)]
pub(super) struct Outline<'a> {
    /// The content of the INTEGER.
    pub(super) serial: &'a [u8],
    /// The whole element, as are the next two.
    pub(super) issuer: &'a [u8],
    pub(super) validity: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) extensions: Vec<RawExtension<'a>>,
    pub(super) is_ca: bool,
    /// By its key usage.
    pub(super) may_sign_certificates: bool,
    /// OIDs in DER.
    pub(super) extended_key_usages: Vec<&'a [u8]>,
    /// Alternative names of all kinds.
    pub(super) alt_names: usize,
}

/// An extension in DER.
#[derive(Debug)]
pub(super) struct RawExtension<'a> {
    /// The content of its OID.
    pub(super) oid: &'a [u8],
    pub(super) critical: bool,
    /// The content of its OCTET STRING.
    pub(super) value: &'a [u8],
}

/// Admits a certificate that has one reading.
pub(super) fn check(der: &[u8]) -> Result<Outline<'_>, X509Error> {
    if der.len() > CERTIFICATE_BYTES {
        return Err(error(TooLong, CERTIFICATE_BYTES));
    }
    let mut top = Elements::new(der, 0);
    let mut parts = top.expect(SEQUENCE)?.inside();
    top.end()?;
    walk(Elements::new(der, 0))?;
    let signed = parts.expect(SEQUENCE)?;
    let outer = algorithm(&mut parts)?;
    parts.expect(BIT_STRING)?;
    parts.end()?;
    to_be_signed(signed.inside(), &outer)
}

/// Admits a name by itself.
pub(super) fn check_name(der: &[u8]) -> Result<(), X509Error> {
    if der.len() > CERTIFICATE_BYTES {
        return Err(error(TooLong, CERTIFICATE_BYTES));
    }
    let mut top = Elements::new(der, 0);
    name(&mut top)?;
    top.end()?;
    walk(Elements::new(der, 0))
}

fn to_be_signed<'a>(mut parts: Elements<'a>, outer: &Element<'_>) -> Result<Outline<'a>, X509Error> {
    let version = version(&mut parts)?;
    let serial = parts.expect(INTEGER)?;
    if matches!(serial.content, [0x80..=0xFF, ..]) {
        return Err(error(NegativeInteger, serial.content_at));
    }
    let inner = algorithm(&mut parts)?;
    if inner.content != outer.content {
        return Err(outer.fails(AlgorithmMismatch));
    }
    let mut outline = Outline { serial: serial.content, ..Outline::default() };
    outline.issuer = whole(&mut parts, name)?;
    outline.validity = whole(&mut parts, validity)?;
    outline.subject = whole(&mut parts, name)?;
    public_key(parts.expect(SEQUENCE)?.inside())?;
    for tag in [ISSUER_UNIQUE_ID, SUBJECT_UNIQUE_ID] {
        if let Some(id) = parts.optional(tag)? {
            if version < 2 {
                return Err(id.fails(BadVersion));
            }
            primitive::check(&Element { tag: BIT_STRING, ..id })?;
        }
    }
    if let Some(wrapped) = parts.optional(EXTENSIONS)? {
        if version < 3 {
            return Err(wrapped.fails(BadVersion));
        }
        let mut wrapped = wrapped.inside();
        extensions(wrapped.expect(SEQUENCE)?.inside(), &mut outline)?;
        wrapped.end()?;
    }
    parts.end()?;
    Ok(outline)
}

/// The bytes that `check` admits.
fn whole<'a>(
    parts: &mut Elements<'a>,
    check: impl FnOnce(&mut Elements<'a>) -> Result<(), X509Error>,
) -> Result<&'a [u8], X509Error> {
    let before = *parts;
    check(parts)?;
    Ok(parts.taken_since(&before))
}

/// The version; version 1 is said by saying nothing.
fn version(parts: &mut Elements<'_>) -> Result<u8, X509Error> {
    let Some(wrapped) = parts.optional(VERSION)? else { return Ok(1) };
    let mut wrapped = wrapped.inside();
    let number = wrapped.expect(INTEGER)?;
    wrapped.end()?;
    match number.content {
        [0] => Err(error(ExplicitDefault, number.content_at)),
        [1] => Ok(2),
        [2] => Ok(3),
        _ => Err(error(BadVersion, number.content_at)),
    }
}

fn algorithm<'a>(parts: &mut Elements<'a>) -> Result<Element<'a>, X509Error> {
    let algorithm = parts.expect(SEQUENCE)?;
    let mut inside = algorithm.inside();
    inside.expect(OID)?;
    // Parameters, which are the algorithm's own affair.
    inside.next()?;
    inside.end()?;
    Ok(algorithm)
}

fn validity(parts: &mut Elements<'_>) -> Result<(), X509Error> {
    let mut times = parts.expect(SEQUENCE)?.inside();
    time(&mut times)?;
    time(&mut times)?;
    times.end()
}

fn time(parts: &mut Elements<'_>) -> Result<(), X509Error> {
    let time = parts.any()?;
    if matches!(time.tag, UTC_TIME | GENERALIZED_TIME) { Ok(()) } else { Err(time.fails(UnexpectedTag)) }
}

fn public_key(mut parts: Elements<'_>) -> Result<(), X509Error> {
    algorithm(&mut parts)?;
    parts.expect(BIT_STRING)?;
    parts.end()
}

/// A distinguished name; that of nobody has no RDN, but an RDN has an attribute.
pub(super) fn name(parts: &mut Elements<'_>) -> Result<(), X509Error> {
    let mut rdns = parts.expect(SEQUENCE)?.inside();
    while !rdns.is_empty() {
        let rdn = rdns.expect(SET)?;
        let mut attributes = rdn.inside();
        if attributes.is_empty() {
            return Err(rdn.fails(EmptyList));
        }
        while !attributes.is_empty() {
            let mut attribute = attributes.expect(SEQUENCE)?.inside();
            attribute.expect(OID)?;
            let value = attribute.any()?;
            attribute.end()?;
            // OpenSSL reads no certificate with another type here, and a text in one
            // that is not read would pass by the rules about it.
            if !primitive::is_text_type(value.tag) && !matches!(value.tag, BIT_STRING | SEQUENCE) {
                return Err(value.fails(UnexpectedTag));
            }
        }
    }
    Ok(())
}

fn extensions<'a>(mut parts: Elements<'a>, outline: &mut Outline<'a>) -> Result<(), X509Error> {
    if parts.is_empty() {
        return Err(error(EmptyList, parts.at()));
    }
    let mut seen = BTreeSet::new();
    while !parts.is_empty() {
        let whole = parts.expect(SEQUENCE)?;
        let mut inside = whole.inside();
        let oid = inside.expect(OID)?;
        if !seen.insert(oid.content) {
            return Err(whole.fails(DuplicateExtension));
        }
        let critical = inside.optional(BOOLEAN)?;
        if let Some(critical) = &critical {
            not_default(critical)?;
        }
        let value = inside.expect(OCTET_STRING)?;
        inside.end()?;
        let critical = critical.is_some();
        outline.extensions.push(RawExtension { oid: oid.content, critical, value: value.content });
        extension::check(oid.content, &value, outline)?;
    }
    Ok(())
}

/// A BOOLEAN whose default is FALSE, and so is there only to say TRUE.
pub(super) fn not_default(flag: &Element<'_>) -> Result<(), X509Error> {
    if flag.content == [0] { Err(error(ExplicitDefault, flag.content_at)) } else { Ok(()) }
}
