//! Whole elements of the text form, for readers that need more than one look at them.

use super::{Event, Key, Reader, Value, XfccError};

/// One element, borrowed from a header value that was read up to its end without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The element as it stands in the header, without the whitespace around it.
    pub text: &'a str,
    /// How many `By` it has, empty ones included.
    pub by: usize,
    /// How many `URI` it has, empty ones included.
    pub uri: usize,
    /// How many `DNS` it has, empty ones included.
    pub dns: usize,
    /// How many pairs it has.
    pub pairs: usize,
    /// Its `Hash`.
    pub hash: Option<Value<'a>>,
    /// Its `Cert`.
    pub cert: Option<Value<'a>>,
    /// Its `Chain`.
    pub chain: Option<Value<'a>>,
    /// Its `Subject`.
    pub subject: Option<Value<'a>>,
    /// The first of its `By`.
    pub first_by: Option<Value<'a>>,
    /// The first of its `URI`.
    pub first_uri: Option<Value<'a>>,
    /// The first of its `DNS`.
    pub first_dns: Option<Value<'a>>,
    /// Whether its keys stand in Envoy's order: By, Hash, Cert, Chain, Subject, URI, DNS.
    pub ordered: bool,
    /// Where in `text` the first pair of each key that may repeat stands.
    first_at: Repeated,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Repeated {
    by: usize,
    uri: usize,
    dns: usize,
}

impl<'a> Element<'a> {
    const fn empty() -> Self {
        Self {
            text: "",
            by: 0,
            uri: 0,
            dns: 0,
            pairs: 0,
            hash: None,
            cert: None,
            chain: None,
            subject: None,
            first_by: None,
            first_uri: None,
            first_dns: None,
            ordered: true,
            first_at: Repeated { by: 0, uri: 0, dns: 0 },
        }
    }

    /// The values of a key, in the order of the text. Reads on from the key's first pair and stops at
    /// its last.
    pub fn values(&self, key: Key) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (first, count, at) = match key {
            Key::By => (self.first_by, self.by, self.first_at.by),
            Key::Uri => (self.first_uri, self.uri, self.first_at.uri),
            Key::Dns => (self.first_dns, self.dns, self.first_at.dns),
            Key::Hash => (self.hash, 1, 0),
            Key::Cert => (self.cert, 1, 0),
            Key::Chain => (self.chain, 1, 0),
            Key::Subject => (self.subject, 1, 0),
        };
        let rest = Reader::resume(self.text, at)
            .filter_map(move |event| match event {
                Ok(Event::Pair(found, value)) if found == key => Some(value),
                _ => None,
            })
            .skip(1);
        first.into_iter().chain(rest.take(count.saturating_sub(1)))
    }

    /// All pairs, in the order of the text.
    pub fn pairs(&self) -> impl Iterator<Item = (Key, Value<'a>)> + use<'a> {
        Reader::resume(self.text, 0).filter_map(|event| match event {
            Ok(Event::Pair(key, value)) => Some((key, value)),
            _ => None,
        })
    }
}

/// The elements of a header value, in one pass and without allocating. After an error, or the end,
/// there are none any more; what came before an error must not be used.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    reader: Reader<'a>,
}

impl<'a> Elements<'a> {
    /// Over a header value whose lines have been joined with `,`.
    #[must_use]
    pub fn new(input: &'a [u8]) -> Self {
        Self { reader: Reader::new(input) }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, XfccError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let mut element = Element::empty();
        let mut start = None;
        let mut last = Key::By;
        loop {
            let at = self.reader.at;
            let (key, value) = match self.reader.next()? {
                Ok(Event::Pair(key, value)) => (key, value),
                Ok(Event::ElementEnd) => break,
                Err(error) => return Some(Err(error)),
            };
            let at = at.saturating_sub(*start.get_or_insert(at));
            element.pairs = element.pairs.saturating_add(1);
            element.ordered &= key >= last;
            last = key;
            match key {
                Key::Hash => element.hash = Some(value),
                Key::Cert => element.cert = Some(value),
                Key::Chain => element.chain = Some(value),
                Key::Subject => element.subject = Some(value),
                Key::By => {
                    repeated(&mut element.by, &mut element.first_by, &mut element.first_at.by, value, at);
                }
                Key::Uri => {
                    repeated(&mut element.uri, &mut element.first_uri, &mut element.first_at.uri, value, at);
                }
                Key::Dns => {
                    repeated(&mut element.dns, &mut element.first_dns, &mut element.first_at.dns, value, at);
                }
            }
        }
        let text = self.reader.text.get(start.unwrap_or_default()..self.reader.value_end);
        element.text = text.unwrap_or_default();
        Some(Ok(element))
    }
}

impl core::iter::FusedIterator for Elements<'_> {}

#[inline]
fn repeated<'a>(
    count: &mut usize,
    first: &mut Option<Value<'a>>,
    first_at: &mut usize,
    value: Value<'a>,
    at: usize,
) {
    if *count == 0 {
        *first = Some(value);
        *first_at = at;
    }
    *count = count.saturating_add(1);
}
