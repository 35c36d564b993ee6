//! The text form: a strict reader that visits each byte of a header value once.
//!
//! ```text
//! header   = element *( OWS "," OWS element )       ; field lines are first joined with ","
//! element  = pair *( ";" pair )                     ; no whitespace around ";" or "="
//! pair     = key "=" ( quoted / bare )              ; split at the first "="
//! key      = 1*ALPHA                                ; compared without ASCII case
//! bare     = *( %x21 / %x23-2B / %x2D-3A / %x3C-7E ); no space, quote, "," or ";"
//! quoted   = DQUOTE *( %x20-21 / %x23-5B / %x5D-7E / "\" %x20-7E ) DQUOTE
//! OWS      = *( SP / HTAB )
//! ```

mod elements;
mod scan;

use alloc::borrow::Cow;
use alloc::string::String;

pub use elements::{Element, Elements};

use super::{Key, XfccError, never_legal};
use crate::reason::Detail;

/// What the reader meets next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A key and its value.
    Pair(Key, Value<'a>),
    /// The element is complete; the next one may follow.
    ElementEnd,
}

/// A value as it stands in the header, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// The bytes between the quotes, or the bare bytes: printable ASCII.
    pub raw: &'a str,
    /// Whether it stood in quotes.
    pub quoted: bool,
}

impl<'a> Value<'a> {
    /// The value with one layer of quoting removed: `\"` and `\\` become `"` and `\`, every other
    /// pair stays. Not for Subject, whose backslashes are RFC 4514's.
    #[must_use]
    pub fn unquoted(&self) -> Cow<'a, str> {
        if !self.quoted || memchr::memchr(b'\\', self.raw.as_bytes()).is_none() {
            return Cow::Borrowed(self.raw);
        }
        let mut out = String::with_capacity(self.raw.len());
        let mut changed = false;
        let mut chars = self.raw.chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some(escaped @ ('"' | '\\')) => {
                    out.push(escaped);
                    changed = true;
                }
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            }
        }
        if changed { Cow::Owned(out) } else { Cow::Borrowed(self.raw) }
    }
}

/// Reads a header value once, from left to right, without allocating. An empty value has no events;
/// after an error, or the end, there are none any more.
///
/// The error is the first rule that is broken, and its offset the byte at which it shows:
///
/// | code | where |
/// |---|---|
/// | `unexpected_format` | at 0: the value starts with `{`, `[`, or `MII` as base64 DER does |
/// | `control_byte`, `non_ascii_byte` | at the byte, wherever it stands; a tab is one unless it is part of whitespace around a comma |
/// | `space_in_value` | at the space: at either end of the value, at the start of a pair, in a key, or in or after a value unless a comma follows |
/// | `empty_element` | where an element should start |
/// | `empty_pair` | where a pair should start |
/// | `missing_equals` | after the letters of the key, when no `=` follows before the pair ends |
/// | `empty_key` | at the `=` |
/// | `bad_key` | at the byte of the key that is no letter |
/// | `unknown_key`, `duplicate_key` | at the start of the key |
/// | `quote_in_bare_value` | at the quote |
/// | `unclosed_quote` | at the opening quote |
/// | `text_after_quote` | at the byte after the closing quote |
///
/// How many elements and pairs are too many is not the grammar's business.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    input: &'a [u8],
    /// `input` up to its first byte that is not UTF-8, which no value can reach.
    text: &'a str,
    at: usize,
    /// Where the last value ended, its closing quote included.
    value_end: usize,
    state: State,
    /// The keys of this element that may stand only once, one bit each.
    seen: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first byte.
    Start,
    /// After a comma and its whitespace.
    FirstPair,
    /// After a semicolon.
    NextPair,
    /// The element ended at a comma.
    EndOfElement,
    /// The last element ended.
    EndOfLast,
    Done,
}

impl<'a> Reader<'a> {
    /// Over a header value whose lines have been joined with `,`.
    #[must_use]
    pub fn new(input: &'a [u8]) -> Self {
        let text = match core::str::from_utf8(input) {
            Ok(text) => text,
            Err(error) => {
                let valid = input.get(..error.valid_up_to()).unwrap_or_default();
                core::str::from_utf8(valid).unwrap_or_default()
            }
        };
        Self { input, text, at: 0, value_end: 0, state: State::Start, seen: 0 }
    }

    /// Over the rest of an element that has been read before, from the start of a pair.
    fn resume(element: &'a str, at: usize) -> Self {
        let input = element.as_bytes();
        Self { input, text: element, at, value_end: at, state: State::NextPair, seen: 0 }
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Event<'a>>, XfccError> {
        let first = match self.state {
            State::NextPair => false,
            State::FirstPair => true,
            State::Start => {
                if self.input.is_empty() {
                    self.state = State::Done;
                    return Ok(None);
                }
                self.check_start()?;
                true
            }
            State::EndOfElement => {
                self.state = State::FirstPair;
                self.seen = 0;
                return Ok(Some(Event::ElementEnd));
            }
            State::EndOfLast => {
                self.state = State::Done;
                return Ok(Some(Event::ElementEnd));
            }
            State::Done => return Ok(None),
        };
        let key = self.key(first)?;
        let value = self.value()?;
        self.after_value(value.quoted)?;
        Ok(Some(Event::Pair(key, value)))
    }

    /// What only the very first bytes can tell.
    fn check_start(&self) -> Result<(), XfccError> {
        match self.input {
            [b'{' | b'[', ..] | [b'M', b'I', b'I', ..] => Err(error(Detail::UnexpectedFormat, 0)),
            _ => Ok(()),
        }
    }

    /// Reads `key "="`.
    #[inline]
    fn key(&mut self, first: bool) -> Result<Key, XfccError> {
        let start = self.at;
        // The letters in lower case, as one number: no two keys of up to eight letters share one,
        // and a longer key fills the topmost byte, which no known key does.
        let mut word = 0_u64;
        let mut at = start;
        loop {
            let byte = self.input.get(at).copied();
            match byte {
                Some(letter) if letter.is_ascii_alphabetic() => {
                    word = (word << 8) | u64::from(letter | 0x20);
                    at = at.wrapping_add(1);
                }
                Some(b'=') if at > start => break,
                _ => return Err(self.no_key(first, start, at)),
            }
            scan::work(1);
        }
        let key = known(word).ok_or(error(Detail::UnknownKey, start))?;
        if let Some(bit) = single(key) {
            if self.seen & bit != 0 {
                return Err(error(Detail::DuplicateKey, start));
            }
            self.seen |= bit;
        }
        self.at = at.wrapping_add(1);
        Ok(key)
    }

    /// Why there is no key at `start`, the letters of which end at `at`.
    #[cold]
    fn no_key(&self, first: bool, start: usize, at: usize) -> XfccError {
        let empty = at == start;
        let code = match self.input.get(at).copied() {
            Some(b';') if empty => Detail::EmptyPair,
            Some(b',') | None if empty && first => Detail::EmptyElement,
            Some(b',') | None if empty => Detail::EmptyPair,
            Some(b';' | b',') | None => Detail::MissingEquals,
            Some(b'=') => Detail::EmptyKey,
            Some(b' ') if empty => Detail::SpaceInValue,
            Some(byte) => match never_legal(byte) {
                Some(code) => code,
                None if !self.has_equals(at) => Detail::MissingEquals,
                None if byte == b' ' => Detail::SpaceInValue,
                None => Detail::BadKey,
            },
        };
        error(code, at)
    }

    /// Whether the pair around `at` has a `=`. Looks ahead, but only on the way to an error.
    fn has_equals(&self, at: usize) -> bool {
        let rest = self.input.get(at..).unwrap_or_default();
        scan::work(rest.len());
        memchr::memchr3(b'=', b';', b',', rest).is_some_and(|end| rest.get(end) == Some(&b'='))
    }

    /// Reads a value and leaves the reader on the byte after it.
    #[inline]
    fn value(&mut self) -> Result<Value<'a>, XfccError> {
        let quoted = self.input.get(self.at) == Some(&b'"');
        let start = if quoted { self.at.wrapping_add(1) } else { self.at };
        let end = if quoted { self.closing_quote(start)? } else { scan::bare_end(self.input, start) };
        let Some(raw) = self.text.get(start..end) else {
            // Not reached: a value holds only ASCII, all of which stands before the first byte that
            // is not UTF-8.
            return Err(error(Detail::NonAsciiByte, self.text.len()));
        };
        self.at = if quoted { end.wrapping_add(1) } else { end };
        self.value_end = self.at;
        Ok(Value { raw, quoted })
    }

    /// Finds the quote that closes the value that starts at `start`.
    #[inline]
    fn closing_quote(&self, start: usize) -> Result<usize, XfccError> {
        let unclosed = error(Detail::UnclosedQuote, start.wrapping_sub(1));
        let mut at = start;
        loop {
            match self.input.get(at).copied() {
                Some(b'"') => return Ok(at),
                // A backslash always takes the next byte with it, so the end of a run of them is
                // never looked at backwards.
                Some(b'\\') => {
                    scan::work(2);
                    at = at.wrapping_add(1);
                    let escaped = self.input.get(at).ok_or(unclosed)?;
                    if let Some(code) = never_legal(*escaped) {
                        return Err(error(code, at));
                    }
                    at = at.wrapping_add(1);
                }
                Some(byte) => match never_legal(byte) {
                    None => at = scan::quoted_end(self.input, at),
                    Some(code) => return Err(error(code, at)),
                },
                None => return Err(unclosed),
            }
        }
    }

    /// Reads what follows a value: `;`, a comma with its whitespace, or the end.
    #[inline]
    fn after_value(&mut self, quoted: bool) -> Result<(), XfccError> {
        match self.input.get(self.at).copied() {
            Some(b';') => {
                self.at = self.at.wrapping_add(1);
                self.state = State::NextPair;
                Ok(())
            }
            None => {
                self.state = State::EndOfLast;
                Ok(())
            }
            Some(b',') => self.comma(self.at),
            Some(b' ' | b'\t') => self.comma(scan::whitespace_end(self.input, self.at)),
            Some(byte) => {
                let other = if quoted { Detail::TextAfterQuote } else { Detail::QuoteInBareValue };
                Err(error(never_legal(byte).unwrap_or(other), self.at))
            }
        }
    }

    /// Passes the comma at `at` and the whitespace after it.
    fn comma(&mut self, at: usize) -> Result<(), XfccError> {
        if self.input.get(at) != Some(&b',') {
            return Err(self.stray_whitespace(self.at));
        }
        let after = at.wrapping_add(1);
        let next = scan::whitespace_end(self.input, after);
        if next > after && next == self.input.len() {
            return Err(self.stray_whitespace(after));
        }
        self.at = next;
        self.state = State::EndOfElement;
        Ok(())
    }

    #[cold]
    fn stray_whitespace(&self, at: usize) -> XfccError {
        let tab = self.input.get(at) == Some(&b'\t');
        error(if tab { Detail::ControlByte } else { Detail::SpaceInValue }, at)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Event<'a>, XfccError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.step() {
            Ok(event) => event.map(Ok),
            Err(error) => {
                self.state = State::Done;
                Some(Err(error))
            }
        }
    }
}

impl core::iter::FusedIterator for Reader<'_> {}

const fn error(code: Detail, offset: usize) -> XfccError {
    XfccError { code, offset }
}

/// A key's letters in lower case as one big-endian number.
const fn word(key: &str) -> u64 {
    let mut bytes = key.as_bytes();
    let mut word = 0;
    while let [first, rest @ ..] = bytes {
        word = (word << 8) | (*first | 0x20) as u64;
        bytes = rest;
    }
    word
}

#[inline]
const fn known(letters: u64) -> Option<Key> {
    const BY: u64 = word("By");
    const HASH: u64 = word("Hash");
    const CERT: u64 = word("Cert");
    const CHAIN: u64 = word("Chain");
    const SUBJECT: u64 = word("Subject");
    const URI: u64 = word("URI");
    const DNS: u64 = word("DNS");
    Some(match letters {
        BY => Key::By,
        HASH => Key::Hash,
        CERT => Key::Cert,
        CHAIN => Key::Chain,
        SUBJECT => Key::Subject,
        URI => Key::Uri,
        DNS => Key::Dns,
        _ => return None,
    })
}

/// The bit of a key that may stand only once in an element.
#[inline]
const fn single(key: Key) -> Option<u8> {
    match key {
        Key::Hash => Some(1),
        Key::Cert => Some(2),
        Key::Chain => Some(4),
        Key::Subject => Some(8),
        Key::By | Key::Uri | Key::Dns => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use alloc::vec::Vec;
    use core::cell::Cell;

    use super::{Elements, Key, Reader};

    std::thread_local! {
        /// Bytes that this thread's readers have looked at, and one for each look.
        pub(super) static WORK: Cell<usize> = const { Cell::new(0) };
    }

    fn work(task: impl FnOnce()) -> usize {
        WORK.set(0);
        task();
        WORK.get()
    }

    /// Inputs of one byte or one group over and over, which are the worst for a reader that looks
    /// back, starts anew or searches ahead.
    #[test]
    fn work_grows_with_the_input_only() {
        const LIMIT: usize = 60 * 1024;
        let starts = ["", "By=a", "URI=", "URI=\"", "Subject=\"\\", "By=a,", "By=a;", "Subject=\"\","];
        let fills = [
            "\\",
            "\\\\",
            "\\\"",
            "\"",
            ",",
            ";",
            "=",
            " ",
            "\t",
            "a",
            "By=,",
            "By=;",
            "URI=\"\",",
            "URI=\"\";",
            " ,",
            "URI=\\;",
            "a=",
            "a ",
            "DNS=a,  ",
            "Hash=\"\\\"\" ,\t",
        ];
        for (start, fill) in starts.iter().flat_map(|start| fills.iter().map(move |fill| (start, fill))) {
            let mut input = Vec::from(start.as_bytes());
            while input.len() < LIMIT {
                input.extend_from_slice(fill.as_bytes());
            }
            let spent = work(|| {
                let _ = Reader::new(&input).count();
            });
            assert!(spent <= 3 * input.len() + 16, "{start:?} and {fill:?}: {spent} for {}", input.len());
        }
    }

    #[test]
    fn values_read_no_more_than_their_pairs() {
        let mut input = Vec::from(&b"URI=a;DNS=b;Cert=\""[..]);
        input.resize(60 * 1024, b'c');
        input.push(b'"');
        let element = Elements::new(&input).next().unwrap().unwrap();
        let spent = work(|| {
            assert_eq!(element.values(Key::Uri).count(), 1);
            assert_eq!(element.values(Key::Dns).count(), 1);
            assert_eq!(element.values(Key::Cert).count(), 1);
            assert_eq!(element.values(Key::Subject).count(), 0);
        });
        assert!(spent < 100, "{spent}");
    }
}
