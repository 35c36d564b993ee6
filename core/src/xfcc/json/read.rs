//! The shape of the JSON form, as visitors: serde_json reads the tokens, these say what may stand
//! where. Every string is first seen as it stands in the input, so that an error can say where.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Element;
use crate::limits::XFCC_ELEMENTS;
use crate::reason::Detail;
use crate::xfcc::{Key, XfccError, never_legal};

/// Reads a text that holds printable ASCII only.
pub(super) fn array(text: &str) -> Result<Vec<Element<'_>>, XfccError> {
    let context = Context { text, fault: Cell::new(None) };
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Elements(&context).deserialize(&mut json).and_then(|elements| json.end().map(|()| elements));
    read.map_err(|error| {
        // There are no line feeds, so the column counts the bytes read, the one that is wrong included.
        let offset = error.column().saturating_sub(1).min(text.len());
        context.fault.get().unwrap_or(XfccError { code: Detail::BadJson, offset })
    })
}

/// What the visitors share: the text, and the error that made one of them give up.
struct Context<'a> {
    text: &'a str,
    fault: Cell<Option<XfccError>>,
}

impl Context<'_> {
    /// Gives up with an error at `token`, which must be a part of the text.
    fn fault<E: Error>(&self, code: Detail, token: &str) -> E {
        let offset = token.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        self.fault.set(Some(XfccError { code, offset: offset.min(self.text.len()) }));
        E::custom(code)
    }

    /// Reads the string that `raw` must be, without allocating unless it has escapes.
    fn string<'de, E: Error>(&self, raw: &'de RawValue) -> Result<Cow<'de, str>, E> {
        let token = raw.get();
        let inside = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let inside = inside.ok_or_else(|| self.fault(Detail::BadJson, token))?;
        if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
            return Ok(Cow::Borrowed(inside));
        }
        let decoded = serde_json::from_str::<String>(token);
        decoded.map(Cow::Owned).map_err(|_| self.fault(Detail::BadJson, token))
    }

    /// Reads a value and holds it to the alphabet of the text form.
    fn value<'de, E: Error>(&self, raw: &'de RawValue, lines: Lines) -> Result<Cow<'de, str>, E> {
        let value = self.string(raw)?;
        // Only escapes can bring such bytes in.
        if let Cow::Owned(decoded) = &value {
            let kept = |byte: &u8| lines == Lines::Many && *byte == b'\n';
            if let Some(code) = decoded.bytes().filter(|byte| !kept(byte)).find_map(never_legal) {
                return Err(self.fault(code, raw.get()));
            }
        }
        Ok(value)
    }
}

/// Whether line feeds are part of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

/// The whole value.
struct Elements<'c, 't>(&'c Context<'t>);

impl<'de> DeserializeSeed<'de> for Elements<'_, '_> {
    type Value = Vec<Element<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = Vec<Element<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element_seed(Object(self.0))? {
            // One too many is enough to refuse; an element takes far more room than its two bytes.
            if elements.len() <= XFCC_ELEMENTS {
                elements.push(element);
            }
        }
        Ok(elements)
    }
}

/// One element.
struct Object<'c, 't>(&'c Context<'t>);

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = Element<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = Element<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an element")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let context = self.0;
        let mut element = Element::default();
        let mut seen = 0_u8;
        while let Some(raw) = map.next_key::<&'de RawValue>()? {
            let name = context.string::<A::Error>(raw)?;
            let key = key(&name).ok_or_else(|| context.fault(Detail::UnknownKey, raw.get()))?;
            let bit = 1_u8.wrapping_shl(key as u32);
            if seen & bit != 0 {
                return Err(context.fault(Detail::DuplicateKey, raw.get()));
            }
            seen |= bit;
            let mut one = |lines| context.value(map.next_value()?, lines).map(Some);
            match key {
                Key::Hash => element.hash = one(Lines::One)?,
                Key::Cert => element.cert = one(Lines::Many)?,
                Key::Subject => element.subject = one(Lines::One)?,
                Key::By => element.by = map.next_value_seed(Strings(context, Lines::One))?,
                Key::Chain => element.chain = map.next_value_seed(Strings(context, Lines::Many))?,
                Key::Uri => element.uri = map.next_value_seed(Strings(context, Lines::One))?,
                Key::Dns => element.dns = map.next_value_seed(Strings(context, Lines::One))?,
            }
        }
        Ok(element)
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

/// The strings of one key.
struct Strings<'c, 't>(&'c Context<'t>, Lines);

impl<'de> DeserializeSeed<'de> for Strings<'_, '_> {
    type Value = Vec<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_, '_> {
    type Value = Vec<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut strings = Vec::new();
        while let Some(raw) = seq.next_element::<&'de RawValue>()? {
            strings.push(self.0.value(raw, self.1)?);
        }
        Ok(strings)
    }
}
