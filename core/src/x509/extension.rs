//! The extensions that are read: alternative names, basic constraints, key usages, text.

use alloc::borrow::Cow;

use super::X509Code::{
    BadGeneralName, BadNameByte, BadOid, BadString, EmptyList, NegativeInteger, TooManySans,
};
use super::der::{BIT_STRING, BOOLEAN, Element, Elements, Fault, INTEGER, OID, SEQUENCE, fault, walk};
use super::primitive;
use super::shape::{self, Outline};
use crate::limits::SANS;

/// 2.5.29.15
const KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];
/// 2.5.29.17
const ALT_NAMES: &[u8] = &[0x55, 0x1D, 0x11];
/// 2.5.29.19
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];
/// 2.5.29.37
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x25];

/// Checks the value of an extension, as far as it is one that is read.
pub(super) fn check<'a>(oid: &[u8], value: &Element<'a>, outline: &mut Outline<'a>) -> Result<(), Fault> {
    match oid {
        ALT_NAMES => (outline.alt_names, outline.alt_name_count) = alt_names(value)?,
        KEY_USAGE => outline.may_sign_certificates = key_usage(value)?,
        BASIC_CONSTRAINTS => outline.is_ca = basic_constraints(value)?,
        EXTENDED_KEY_USAGE => {
            let mut usages = only_sequence(value)?;
            walk(usages)?;
            outline.extended_key_usages = usages;
            while !usages.is_empty() {
                usages.expect(OID)?;
            }
        }
        _ => outline.has_text |= string(value.content)?.is_some(),
    }
    Ok(())
}

/// The text of a value that is exactly one string; `None` for a value of another type. A value that
/// starts like a string and is none is an error: somebody might read it as one.
pub(super) fn string(value: &[u8]) -> Result<Option<Cow<'_, str>>, Fault> {
    if !is_text(value) {
        return Ok(None);
    }
    let mut elements = Elements::new(value);
    let element = elements.any()?;
    elements.end()?;
    match primitive::text(element.tag, element.content) {
        Some(text) => Ok(Some(text)),
        None => Err(fault(BadString, element.content)),
    }
}

/// Whether a value that is admitted is one string.
pub(super) fn is_text(value: &[u8]) -> bool {
    value.first().is_some_and(|tag| primitive::is_extension_text(*tag))
}

/// The elements of the one sequence that the value is; at least one.
fn only_sequence<'a>(value: &Element<'a>) -> Result<Elements<'a>, Fault> {
    let elements = sequence(value)?;
    if elements.is_empty() { Err(elements.fails(EmptyList)) } else { Ok(elements) }
}

#[inline(never)]
fn sequence<'a>(value: &Element<'a>) -> Result<Elements<'a>, Fault> {
    let mut elements = value.inside();
    let sequence = elements.expect(SEQUENCE)?;
    elements.end()?;
    Ok(sequence.inside())
}

/// Whether `keyCertSign` or `cRLSign`, bits 5 and 6, are among the usages (RFC 5280, section 4.2.1.3).
fn key_usage(value: &Element<'_>) -> Result<bool, Fault> {
    let mut elements = value.inside();
    walk(elements)?;
    let usages = elements.expect(BIT_STRING)?;
    elements.end()?;
    Ok(matches!(usages.content, [_, first, ..] if first & 0b0000_0110 != 0))
}

fn basic_constraints(value: &Element<'_>) -> Result<bool, Fault> {
    let mut parts = sequence(value)?;
    walk(parts)?;
    let is_ca = parts.optional(BOOLEAN)?;
    if let Some(flag) = &is_ca {
        shape::not_default(flag)?;
    }
    if let Some(length) = parts.optional(INTEGER)?
        && matches!(length.content, [0x80..=0xFF, ..])
    {
        return Err(fault(NegativeInteger, length.content));
    }
    parts.end()?;
    Ok(is_ca.is_some())
}

/// Answers with them, and their number.
fn alt_names<'a>(value: &Element<'a>) -> Result<(Elements<'a>, usize), Fault> {
    let all = only_sequence(value)?;
    let mut names = all;
    let mut count: usize = 0;
    while !names.is_empty() {
        let name = names.any()?;
        count = count.saturating_add(1);
        if count > SANS {
            return Err(name.fails(TooManySans));
        }
        general_name(&name)?;
    }
    Ok((all, count))
}

/// The nine kinds, each in its form: text, an address and an OID are primitive, the rest is made of
/// elements.
fn general_name(name: &Element<'_>) -> Result<(), Fault> {
    let mut inside = name.inside();
    match name.tag {
        0x81 | 0x82 | 0x86 => text(name),
        0x87 if matches!(name.content.len(), 4 | 16) => Ok(()),
        0x88 if !primitive::is_oid(name.content) => Err(fault(BadOid, name.content)),
        0x88 => Ok(()),
        0xA0 => {
            walk(inside)?;
            inside.expect(OID)?;
            let mut value = inside.expect(0xA0)?.inside();
            inside.end()?;
            value.any()?;
            value.end()
        }
        0xA3 | 0xA5 => walk(inside),
        0xA4 => {
            walk(inside)?;
            shape::name(&mut inside)?;
            inside.end()
        }
        _ => Err(name.fails(BadGeneralName)),
    }
}

/// An IA5String may hold control characters, but no name of these kinds does, and each has been used
/// to make two readers differ.
fn text(name: &Element<'_>) -> Result<(), Fault> {
    let mut rest = name.content;
    while let [byte, after @ ..] = rest {
        if !matches!(byte, 0x20..=0x7E) {
            return Err(fault(BadNameByte, rest));
        }
        rest = after;
    }
    Ok(())
}
