//! The parts of a certificate and their order (RFC 5280, section 4.1).

use alloc::vec::Vec;

use super::X509Code::{
    AlgorithmMismatch, BadTime, BadVersion, DuplicateExtension, EmptyList, ExplicitDefault, NegativeInteger,
    TooLong, UnexpectedTag,
};
use super::der::{
    BIT_STRING, BOOLEAN, Element, Elements, Fault, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, fault, walk,
};
use super::{X509Error, extension, primitive};
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
    /// The whole element, as is the subject.
    pub(super) issuer: &'a [u8],
    /// First and last second, since 1970.
    pub(super) window: (i64, i64),
    pub(super) subject: &'a [u8],
    extensions: Elements<'a>,
    /// Whether the value of one is text.
    pub(super) has_text: bool,
    pub(super) is_ca: bool,
    /// By its key usage.
    pub(super) may_sign_certificates: bool,
    /// OIDs.
    pub(super) extended_key_usages: Elements<'a>,
    /// Alternative names of all kinds.
    pub(super) alt_names: Elements<'a>,
    pub(super) alt_name_count: usize,
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
    check_length(der)?;
    certificate(der).map_err(|fault| fault.of(der))
}

fn check_length(der: &[u8]) -> Result<(), X509Error> {
    if der.len() > CERTIFICATE_BYTES {
        return Err(X509Error { code: TooLong, offset: CERTIFICATE_BYTES });
    }
    Ok(())
}

fn certificate(der: &[u8]) -> Result<Outline<'_>, Fault> {
    let mut top = Elements::new(der);
    let mut parts = top.expect(SEQUENCE)?.inside();
    top.end()?;
    walk(Elements::new(der))?;
    let signed = parts.expect(SEQUENCE)?;
    let outer = algorithm(&mut parts)?;
    parts.expect(BIT_STRING)?;
    parts.end()?;
    to_be_signed(signed.inside(), &outer)
}

/// Admits a name by itself.
pub(super) fn check_name(der: &[u8]) -> Result<(), X509Error> {
    check_length(der)?;
    let check = || {
        let mut top = Elements::new(der);
        name(&mut top)?;
        top.end()?;
        walk(Elements::new(der))
    };
    check().map_err(|fault: Fault| fault.of(der))
}

fn to_be_signed<'a>(mut parts: Elements<'a>, outer: &Element<'_>) -> Result<Outline<'a>, Fault> {
    let version = version(&mut parts)?;
    let serial = parts.expect(INTEGER)?;
    if matches!(serial.content, [0x80..=0xFF, ..]) {
        return Err(fault(NegativeInteger, serial.content));
    }
    let inner = algorithm(&mut parts)?;
    if inner.content != outer.content {
        return Err(outer.fails(AlgorithmMismatch));
    }
    let mut outline = Outline { serial: serial.content, ..Outline::default() };
    outline.issuer = whole(&mut parts, name)?;
    outline.window = validity(&mut parts)?;
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
    check: impl FnOnce(&mut Elements<'a>) -> Result<(), Fault>,
) -> Result<&'a [u8], Fault> {
    let before = *parts;
    check(parts)?;
    Ok(parts.taken_since(&before))
}

/// The version; version 1 is said by saying nothing.
fn version(parts: &mut Elements<'_>) -> Result<u8, Fault> {
    let Some(wrapped) = parts.optional(VERSION)? else { return Ok(1) };
    let mut wrapped = wrapped.inside();
    let number = wrapped.expect(INTEGER)?;
    wrapped.end()?;
    match number.content {
        [0] => Err(fault(ExplicitDefault, number.content)),
        [1] => Ok(2),
        [2] => Ok(3),
        _ => Err(fault(BadVersion, number.content)),
    }
}

#[inline(never)]
fn algorithm<'a>(parts: &mut Elements<'a>) -> Result<Element<'a>, Fault> {
    let algorithm = parts.expect(SEQUENCE)?;
    let mut inside = algorithm.inside();
    inside.expect(OID)?;
    // Parameters, which are the algorithm's own affair.
    if !inside.is_empty() {
        inside.any()?;
    }
    inside.end()?;
    Ok(algorithm)
}

fn validity(parts: &mut Elements<'_>) -> Result<(i64, i64), Fault> {
    let mut times = parts.expect(SEQUENCE)?.inside();
    let window = (time(&mut times)?, time(&mut times)?);
    times.end()?;
    Ok(window)
}

fn time(parts: &mut Elements<'_>) -> Result<i64, Fault> {
    let time = parts.any()?;
    if !matches!(time.tag, UTC_TIME | GENERALIZED_TIME) {
        return Err(time.fails(UnexpectedTag));
    }
    primitive::time(time.tag, time.content).ok_or(fault(BadTime, time.content))
}

fn public_key(mut parts: Elements<'_>) -> Result<(), Fault> {
    algorithm(&mut parts)?;
    parts.expect(BIT_STRING)?;
    parts.end()
}

/// A distinguished name; that of nobody has no RDN, but an RDN has an attribute.
pub(super) fn name(parts: &mut Elements<'_>) -> Result<(), Fault> {
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

fn extensions<'a>(mut parts: Elements<'a>, outline: &mut Outline<'a>) -> Result<(), Fault> {
    if parts.is_empty() {
        return Err(parts.fails(EmptyList));
    }
    outline.extensions = parts;
    // Sorted.
    let mut seen: Vec<&[u8]> = Vec::with_capacity(TYPICAL_EXTENSIONS);
    while !parts.is_empty() {
        let whole = parts.expect(SEQUENCE)?;
        let (found, value) = raw_extension(whole.inside())?;
        match seen.binary_search(&found.oid) {
            Ok(_) => return Err(whole.fails(DuplicateExtension)),
            Err(place) => seen.insert(place, found.oid),
        }
        extension::check(found.oid, &value, outline)?;
    }
    Ok(())
}

/// Room for the OIDs of as many as most certificates have.
const TYPICAL_EXTENSIONS: usize = 16;

fn raw_extension(mut parts: Elements<'_>) -> Result<(RawExtension<'_>, Element<'_>), Fault> {
    let oid = parts.expect(OID)?;
    let critical = parts.optional(BOOLEAN)?;
    if let Some(critical) = &critical {
        not_default(critical)?;
    }
    let value = parts.expect(OCTET_STRING)?;
    parts.end()?;
    Ok((RawExtension { oid: oid.content, critical: critical.is_some(), value: value.content }, value))
}

impl<'a> Outline<'a> {
    /// All extensions, in order.
    pub(super) fn extensions(&self) -> impl Iterator<Item = RawExtension<'a>> + use<'a> {
        let mut parts = self.extensions;
        // They were read once, and so meet no fault.
        core::iter::from_fn(move || Some(raw_extension(parts.any().ok()?.inside()).ok()?.0))
    }
}

/// A BOOLEAN whose default is FALSE, and so is there only to say TRUE.
pub(super) fn not_default(flag: &Element<'_>) -> Result<(), Fault> {
    if flag.content == [0] { Err(fault(ExplicitDefault, flag.content)) } else { Ok(()) }
}
