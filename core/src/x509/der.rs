//! Elements of DER: tag, length, content. Nothing here calls itself, so depth costs no stack.

use alloc::vec;

use super::X509Error;
use super::primitive;
use crate::x509::X509Code::{
    self, IndefiniteLength, NonMinimalLength, TooDeep, TrailingBytes, Truncated, UnexpectedTag, WrongForm,
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

pub(super) const fn error(code: X509Code, offset: usize) -> X509Error {
    X509Error { code, offset }
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// Where its tag stands.
    pub(super) at: usize,
    /// Where its content starts.
    pub(super) content_at: usize,
    pub(super) content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements in it.
    pub(super) const fn inside(&self) -> Elements<'a> {
        Elements { rest: self.content, at: self.content_at }
    }

    const fn is_constructed(&self) -> bool {
        self.tag & CONSTRUCTED != 0
    }

    pub(super) const fn fails(&self, code: X509Code) -> X509Error {
        error(code, self.at)
    }
}

/// Elements in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Elements<'a> {
    pub(super) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { rest: bytes, at }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// The bytes of the elements that were taken since `earlier`.
    pub(super) fn taken_since(&self, earlier: &Self) -> &'a [u8] {
        let taken = earlier.rest.len().saturating_sub(self.rest.len());
        earlier.rest.get(..taken).unwrap_or_default()
    }

    /// The next element, with a definite length in as few bytes as it takes.
    // Called from everywhere: once in the program is enough.
    #[inline(never)]
    pub(super) fn next(&mut self) -> Result<Option<Element<'a>>, X509Error> {
        let Some((&tag, rest)) = self.rest.split_first() else { return Ok(None) };
        // Tags of several bytes do not occur in certificates; 0 is the end of an indefinite length.
        if tag == 0 || tag & NUMBER == NUMBER {
            return Err(error(UnexpectedTag, self.at));
        }
        let (length, rest) = length(rest).map_err(|code| error(code, self.at.saturating_add(1)))?;
        let (content, after) = rest.split_at_checked(length).ok_or(error(Truncated, self.at))?;
        let header = self.rest.len().saturating_sub(rest.len());
        let element = Element { tag, at: self.at, content_at: self.at.saturating_add(header), content };
        self.rest = after;
        self.at = element.content_at.saturating_add(length);
        Ok(Some(element))
    }

    /// The next element, of whatever kind.
    #[inline(never)]
    pub(super) fn any(&mut self) -> Result<Element<'a>, X509Error> {
        let at = self.at;
        self.next()?.ok_or(error(Truncated, at))
    }

    /// The next element, which must have this tag.
    #[inline(never)]
    pub(super) fn expect(&mut self, tag: u8) -> Result<Element<'a>, X509Error> {
        let element = self.any()?;
        if element.tag == tag { Ok(element) } else { Err(element.fails(UnexpectedTag)) }
    }

    /// The next element if it has this tag.
    #[inline(never)]
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, X509Error> {
        if self.rest.first() == Some(&tag) { self.next() } else { Ok(None) }
    }

    /// No more elements.
    pub(super) const fn end(&self) -> Result<(), X509Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(error(TrailingBytes, self.at)) }
    }
}

/// A length and what follows it.
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), X509Code> {
    let (first, rest) = bytes.split_first().ok_or(Truncated)?;
    let count = match first {
        0..=0x7F => return Ok((usize::from(*first), rest)),
        0x80 => return Err(IndefiniteLength),
        _ => usize::from(first & 0x7F),
    };
    let (digits, rest) = rest.split_at_checked(count).ok_or(Truncated)?;
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
pub(super) fn walk(elements: Elements<'_>) -> Result<(), X509Error> {
    let mut open = vec![elements];
    while let Some(elements) = open.last_mut() {
        let Some(element) = elements.next()? else {
            open.pop();
            continue;
        };
        check_form(&element)?;
        if element.is_constructed() {
            if open.len() >= DEPTH {
                return Err(element.fails(TooDeep));
            }
            open.push(element.inside());
        } else if element.tag & CLASS == 0 {
            primitive::check(&element)?;
        }
    }
    Ok(())
}

/// Of the universal types only sequences and sets are made of elements; DER has no strings in pieces.
/// The types that nobody puts into a certificate (REAL, EXTERNAL and such) are refused.
fn check_form(element: &Element<'_>) -> Result<(), X509Error> {
    if element.tag & CLASS != 0 {
        return Ok(());
    }
    let number = element.tag & NUMBER;
    let is_list = matches!(number, 0x10 | 0x11);
    if !is_list && !matches!(number, 1..=6 | 10 | 12 | 18..=28 | 30) {
        Err(element.fails(UnexpectedTag))
    } else if is_list != element.is_constructed() {
        Err(element.fails(WrongForm))
    } else {
        Ok(())
    }
}
