//! Elements of DER: tag, length, content. Nothing here calls itself, so depth costs no stack.
//!
//! Nobody counts where an element stands: its bytes are a part of the certificate's, and a fault, which
//! is rare, says by their address where they are.

use super::primitive;
use super::{X509Code, X509Error};
use crate::x509::X509Code::{
    IndefiniteLength, NonMinimalLength, TooDeep, TrailingBytes, Truncated, UnexpectedTag, WrongForm,
};

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

const CLASS: u8 = 0xC0;
const CONSTRUCTED: u8 = 0x20;
const NUMBER: u8 = 0x1F;

/// Elements within elements. A certificate with explicit curve parameters has nine.
const DEPTH: usize = 16;

/// A rule that bytes break, and the address at which it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    code: X509Code,
    address: usize,
}

/// A rule that shows where these bytes start.
pub(super) fn fault(code: X509Code, at: &[u8]) -> Fault {
    Fault { code, address: at.as_ptr().addr() }
}

impl Fault {
    /// With its place in the bytes of which it is one.
    pub(super) fn of(self, whole: &[u8]) -> X509Error {
        X509Error { code: self.code, offset: self.address.saturating_sub(whole.as_ptr().addr()) }
    }
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Where its tag is.
    pub(super) address: usize,
}

impl<'a> Element<'a> {
    /// The elements in it.
    pub(super) const fn inside(&self) -> Elements<'a> {
        Elements { rest: self.content }
    }

    /// A rule that its tag breaks.
    pub(super) const fn fails(&self, code: X509Code) -> Fault {
        Fault { code, address: self.address }
    }
}

/// Elements in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
}

// What is called from everywhere is in the program once.

impl<'a> Elements<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A rule that shows where the next element would start.
    pub(super) fn fails(&self, code: X509Code) -> Fault {
        fault(code, self.rest)
    }

    /// The bytes of the elements that were taken since `earlier`.
    pub(super) fn taken_since(&self, earlier: &Self) -> &'a [u8] {
        let taken = earlier.rest.len().saturating_sub(self.rest.len());
        earlier.rest.get(..taken).unwrap_or_default()
    }

    /// The next element, of whatever kind.
    #[inline(never)]
    pub(super) fn any(&mut self) -> Result<Element<'a>, Fault> {
        let (element, after) = split(self.rest)?;
        self.rest = after;
        Ok(element)
    }

    /// The next element, which must have this tag.
    #[inline(never)]
    pub(super) fn expect(&mut self, tag: u8) -> Result<Element<'a>, Fault> {
        let (element, after) = split(self.rest)?;
        if element.tag != tag {
            return Err(element.fails(UnexpectedTag));
        }
        self.rest = after;
        Ok(element)
    }

    /// The next element if it has this tag.
    #[inline(never)]
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Fault> {
        if self.rest.first() == Some(&tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// No more elements.
    pub(super) fn end(&self) -> Result<(), Fault> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.fails(TrailingBytes)) }
    }
}

/// The first element, with a definite length in as few bytes as it takes, and what follows it.
#[inline(always)]
fn split(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), Fault> {
    let Some((&tag, rest)) = bytes.split_first() else { return Err(fault(Truncated, bytes)) };
    // Tags of several bytes do not occur in certificates; 0 is the end of an indefinite length.
    if tag == 0 || tag & NUMBER == NUMBER {
        return Err(fault(UnexpectedTag, bytes));
    }
    let (length, rest) = match rest {
        [length @ 0..=0x7F, rest @ ..] => (usize::from(*length), rest),
        _ => long_length(rest).map_err(|code| fault(code, rest))?,
    };
    let (content, after) = rest.split_at_checked(length).ok_or(fault(Truncated, bytes))?;
    Ok((Element { tag, content, address: bytes.as_ptr().addr() }, after))
}

/// A length that has bytes of its own, and what follows it.
#[inline(never)]
fn long_length(bytes: &[u8]) -> Result<(usize, &[u8]), X509Code> {
    let (first, rest) = bytes.split_first().ok_or(Truncated)?;
    if *first == 0x80 {
        return Err(IndefiniteLength);
    }
    let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F)).ok_or(Truncated)?;
    match digits {
        [0, ..] | [0..=0x7F] => Err(NonMinimalLength),
        [length] => Ok((usize::from(*length), rest)),
        [high, low] => Ok((usize::from(u16::from_be_bytes([*high, *low])), rest)),
        // 64 KiB and more, and so beyond the end of any certificate that is looked at.
        _ => Err(Truncated),
    }
}

/// Checks all elements, those in them included: every length, every form, every primitive value of a
/// universal type.
#[inline(never)]
pub(super) fn walk(elements: Elements<'_>) -> Result<(), Fault> {
    // What follows each of the elements that the walk is in.
    let mut open: [&[u8]; DEPTH] = [&[]; DEPTH];
    let mut depth: usize = 0;
    let mut rest = elements.rest;
    loop {
        if rest.is_empty() {
            let Some(outer) = depth.checked_sub(1) else { return Ok(()) };
            depth = outer;
            rest = open.get(outer).copied().unwrap_or_default();
            continue;
        }
        let (element, after) = split(rest)?;
        rest = after;
        if element.tag & CLASS == 0 {
            check_form(&element)?;
        }
        if element.tag & CONSTRUCTED != 0 {
            // The outermost list is one of those that may be open.
            let inner = depth.saturating_add(1);
            let Some(place) = open.get_mut(depth).filter(|_| inner < DEPTH) else {
                return Err(element.fails(TooDeep));
            };
            *place = rest;
            depth = inner;
            rest = element.content;
        } else if element.tag & CLASS == 0 {
            primitive::check(&element)?;
        }
    }
}

/// Of the universal types only sequences and sets are made of elements; DER has no strings in pieces.
/// The types that nobody puts into a certificate (REAL, EXTERNAL and such) are refused.
fn check_form(element: &Element<'_>) -> Result<(), Fault> {
    let number = element.tag & NUMBER;
    let is_list = matches!(number, 0x10 | 0x11);
    if !is_list && !matches!(number, 1..=6 | 10 | 12 | 18..=28 | 30) {
        Err(element.fails(UnexpectedTag))
    } else if is_list != (element.tag & CONSTRUCTED != 0) {
        Err(element.fails(WrongForm))
    } else {
        Ok(())
    }
}
