//! Whole elements of the text form, for readers that need more than one look at them.

use super::{Event, Key, Reader, State, Value, XfccError};

/// One element, borrowed from a header value that was read up to its end without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The element as it stands in the header, without the whitespace around it.
    pub text: &'a str,
    /// How many pairs it has.
    pub pairs: usize,
    /// Its `By`, empty ones included.
    pub by: Names<'a>,
    /// Its `Hash`.
    pub hash: Option<Value<'a>>,
    /// Its `Cert`.
    pub cert: Option<Value<'a>>,
    /// Its `Chain`.
    pub chain: Option<Value<'a>>,
    /// Its `Subject`.
    pub subject: Option<Value<'a>>,
    /// Its `URI`, empty ones included.
    pub uri: Names<'a>,
    /// Its `DNS`, empty ones included.
    pub dns: Names<'a>,
    /// Whether its keys stand in Envoy's order: By, Hash, Cert, Chain, Subject, URI, DNS.
    pub ordered: bool,
}

/// The pairs of a key that may repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// How many there are.
    pub count: usize,
    /// The value of the first one.
    pub first: Option<Value<'a>>,
    /// Where in the element the pair after the first one starts.
    after: usize,
}

impl<'a> Names<'a> {
    #[inline]
    const fn add(&mut self, value: Value<'a>, after: usize) {
        if self.count == 0 {
            self.first = Some(value);
            self.after = after;
        }
        self.count = self.count.wrapping_add(1);
    }
}

impl<'a> Element<'a> {
    const fn empty() -> Self {
        let none = Names { count: 0, first: None, after: 0 };
        Self {
            text: "",
            pairs: 0,
            by: none,
            hash: None,
            cert: None,
            chain: None,
            subject: None,
            uri: none,
            dns: none,
            ordered: true,
        }
    }

    /// The values of a key, in the order of the text. Reads on from the key's first pair and stops at
    /// its last.
    #[inline]
    #[must_use]
    pub const fn values(&self, key: Key) -> Values<'a> {
        let names = match key {
            Key::By => self.by,
            Key::Uri => self.uri,
            Key::Dns => self.dns,
            Key::Hash => Names { count: 1, first: self.hash, after: 0 },
            Key::Cert => Names { count: 1, first: self.cert, after: 0 },
            Key::Chain => Names { count: 1, first: self.chain, after: 0 },
            Key::Subject => Names { count: 1, first: self.subject, after: 0 },
        };
        Values {
            key,
            text: self.text,
            first: names.first,
            at: names.after,
            left: names.count.saturating_sub(1),
        }
    }

    /// All pairs, in the order of the text.
    pub fn pairs(&self) -> impl Iterator<Item = (Key, Value<'a>)> + use<'a> {
        Reader::resume(self.text, 0).filter_map(|event| match event {
            Ok(Event::Pair(key, value)) => Some((key, value)),
            _ => None,
        })
    }
}

/// The values of one key of an element.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    key: Key,
    /// The element.
    text: &'a str,
    first: Option<Value<'a>>,
    /// Where the rest of them starts, and how many there are in it.
    at: usize,
    left: usize,
}

impl<'a> Values<'a> {
    /// No values.
    pub const NONE: Self = Self { key: Key::By, text: "", first: None, at: 0, left: 0 };

    #[cold]
    fn search(&mut self) -> Option<Value<'a>> {
        let mut reader = Reader::resume(self.text, self.at);
        while let Some(Ok(Event::Pair(key, value))) = reader.next() {
            if key == self.key {
                self.left = self.left.saturating_sub(1);
                self.at = reader.at;
                return Some(value);
            }
        }
        None
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        match self.first.take() {
            None if self.left > 0 => self.search(),
            first => first,
        }
    }
}

impl core::iter::FusedIterator for Values<'_> {}

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

    fn element(&mut self) -> Result<Option<Element<'a>>, XfccError> {
        let reader = &mut self.reader;
        if !reader.begin()? {
            return Ok(None);
        }
        let start = reader.at;
        let mut element = Element::empty();
        let mut last = Key::By;
        loop {
            let (key, value) = reader.pair(element.pairs == 0)?;
            element.pairs = element.pairs.saturating_add(1);
            element.ordered &= key >= last;
            last = key;
            let after = reader.at.wrapping_sub(start);
            match key {
                Key::By => element.by.add(value, after),
                Key::Hash => element.hash = Some(value),
                Key::Cert => element.cert = Some(value),
                Key::Chain => element.chain = Some(value),
                Key::Subject => element.subject = Some(value),
                Key::Uri => element.uri.add(value, after),
                Key::Dns => element.dns.add(value, after),
            }
            if reader.state != State::NextPair {
                break;
            }
        }
        element.text = reader.text.get(start..reader.value_end).unwrap_or_default();
        reader.end();
        Ok(Some(element))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, XfccError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let element = self.element();
        if element.is_err() {
            self.reader.state = State::Done;
        }
        element.transpose()
    }
}

impl core::iter::FusedIterator for Elements<'_> {}
