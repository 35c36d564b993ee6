//! The shape of the JSON form. serde_json says where the text stops being JSON, if it does; up to there
//! its parts are held to what may stand where. Every part is a piece of the input, so that an error can
//! say where.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use serde::de::IgnoredAny;

use super::Element;
use crate::json::{self, Parts};
use crate::limits::XFCC_ELEMENTS;
use crate::reason::Detail;
use crate::xfcc::{Key, XfccError, never_legal};

/// Reads a text that holds printable ASCII only.
pub(super) fn array(text: &str) -> Result<Vec<Element<'_>>, XfccError> {
    let syntax = serde_json::from_str::<IgnoredAny>(text).map_or_else(
        // There are no line feeds, so the column counts the bytes read, the one that is wrong included.
        |error| error.column().saturating_sub(1).min(text.len()),
        |_| usize::MAX,
    );
    let reader = Reader { text, syntax };
    let elements = reader.elements()?;
    if syntax < usize::MAX { Err(reader.not_json()) } else { Ok(elements) }
}

/// The text, and where it is no longer JSON.
struct Reader<'a> {
    text: &'a str,
    syntax: usize,
}

/// Whether line feeds are part of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

impl<'a> Reader<'a> {
    fn elements(&self) -> Result<Vec<Element<'a>>, XfccError> {
        let mut elements = Vec::new();
        for part in Parts::of(self.text) {
            let element = self.element(part)?;
            // One too many is enough to refuse; an element takes far more room than its two bytes.
            if elements.len() <= XFCC_ELEMENTS {
                elements.push(element);
            }
        }
        Ok(elements)
    }

    fn element(&self, part: &'a str) -> Result<Element<'a>, XfccError> {
        let mut element = Element::default();
        let mut seen = 0_u8;
        let mut parts = self.inside(part, '{')?;
        while let Some(token) = parts.next() {
            let name = self.string(token)?;
            let key = key(&name).ok_or_else(|| self.fault(Detail::UnknownKey, token))?;
            let bit = 1_u8.wrapping_shl(key as u32);
            if seen & bit != 0 {
                return Err(self.fault(Detail::DuplicateKey, token));
            }
            seen |= bit;
            let value = parts.next().ok_or_else(|| self.not_json())?;
            let one = |lines| self.value(value, lines).map(Some);
            let all = |lines| {
                self.inside(value, '[')?.map(|part| self.value(part, lines)).collect::<Result<_, _>>()
            };
            match key {
                Key::Hash => element.hash = one(Lines::One)?,
                Key::Cert => element.cert = one(Lines::Many)?,
                Key::Subject => element.subject = one(Lines::One)?,
                Key::By => element.by = all(Lines::One)?,
                Key::Chain => element.chain = all(Lines::Many)?,
                Key::Uri => element.uri = all(Lines::One)?,
                Key::Dns => element.dns = all(Lines::One)?,
            }
        }
        Ok(element)
    }

    /// The parts of a value that must be of the kind that starts with this bracket.
    fn inside(&self, part: &'a str, bracket: char) -> Result<Parts<'a>, XfccError> {
        if part.starts_with(bracket) { Ok(Parts::of(part)) } else { Err(self.fault(Detail::BadJson, part)) }
    }

    /// Reads the string that a part must be, without allocating unless it has escapes.
    fn string(&self, part: &'a str) -> Result<Cow<'a, str>, XfccError> {
        json::string(part).ok_or_else(|| self.fault(Detail::BadJson, part))
    }

    /// Reads a value and holds it to the alphabet of the text form.
    fn value(&self, part: &'a str, lines: Lines) -> Result<Cow<'a, str>, XfccError> {
        let value = self.string(part)?;
        // Only escapes can bring such bytes in.
        if let Cow::Owned(decoded) = &value {
            let kept = |byte: &u8| lines == Lines::Many && *byte == b'\n';
            if let Some(code) = decoded.bytes().filter(|byte| !kept(byte)).find_map(never_legal) {
                return Err(self.fault(code, part));
            }
        }
        Ok(value)
    }

    /// An error at a part of the text. What comes first counts: a part that reaches where the text is
    /// no longer JSON has no other fault than that.
    fn fault(&self, code: Detail, part: &str) -> XfccError {
        let offset = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        if offset.saturating_add(part.len()) > self.syntax {
            self.not_json()
        } else {
            XfccError { code, offset }
        }
    }

    const fn not_json(&self) -> XfccError {
        XfccError { code: Detail::BadJson, offset: self.syntax }
    }
}

/// The key of an object, in the one spelling that Envoy has.
fn key(name: &str) -> Option<Key> {
    Some(match name {
        "by" => Key::By,
        "hash" => Key::Hash,
        "cert" => Key::Cert,
        "chain" => Key::Chain,
        "subject" => Key::Subject,
        "uri" => Key::Uri,
        "dns" => Key::Dns,
        _ => return None,
    })
}
