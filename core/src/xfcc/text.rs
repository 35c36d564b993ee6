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
mod key;
mod scan;

use alloc::borrow::Cow;
use alloc::string::String;

pub use elements::{Element, Elements, Names, Values};

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
    #[inline]
    #[must_use]
    pub fn unquoted(&self) -> Cow<'a, str> {
        if !self.quoted || memchr::memchr(b'\\', self.raw.as_bytes()).is_none() {
            return Cow::Borrowed(self.raw);
        }
        self.without_backslashes()
    }

    #[cold]
    fn without_backslashes(&self) -> Cow<'a, str> {
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
            State::FirstPair | State::Start => {
                if !self.begin()? {
                    return Ok(None);
                }
                true
            }
            State::EndOfElement | State::EndOfLast => {
                self.end();
                return Ok(Some(Event::ElementEnd));
            }
            State::Done => return Ok(None),
        };
        self.pair(first).map(|(key, value)| Some(Event::Pair(key, value)))
    }

    /// Before an element: whether there is one.
    #[inline]
    fn begin(&mut self) -> Result<bool, XfccError> {
        match self.state {
            State::Start if self.input.is_empty() => {
                self.state = State::Done;
                Ok(false)
            }
            State::Start => self.check_start().map(|()| true),
            State::Done => Ok(false),
            _ => Ok(true),
        }
    }

    /// After the last pair of an element.
    #[inline]
    const fn end(&mut self) {
        let is_last = matches!(self.state, State::EndOfLast);
        self.state = if is_last { State::Done } else { State::FirstPair };
        self.seen = 0;
    }

    /// Reads a pair and what follows it.
    #[inline]
    fn pair(&mut self, first: bool) -> Result<(Key, Value<'a>), XfccError> {
        let key = self.key(first)?;
        let value = self.value()?;
        self.after_value(value.quoted)?;
        Ok((key, value))
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
        scan::work(8);
        let front = key::at_front(self.input.get(start..).unwrap_or_default());
        let (key, letters) = match front {
            Some(front) => front,
            None => self.letters(first, start)?,
        };
        let once = key::once(key);
        if self.seen & once != 0 {
            return Err(error(Detail::DuplicateKey, start));
        }
        self.seen |= once;
        self.at = start.wrapping_add(letters).wrapping_add(1);
        Ok(key)
    }

    /// The key at `start` and how many letters it has, read one by one.
    #[cold]
    fn letters(&self, first: bool, start: usize) -> Result<(Key, usize), XfccError> {
        let rest = self.input.get(start..).unwrap_or_default();
        let len = rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
        scan::work(len);
        let (letters, after) = rest.split_at_checked(len).unwrap_or_default();
        if letters.is_empty() || !after.starts_with(b"=") {
            return Err(self.no_key(first, start, start.wrapping_add(len)));
        }
        match key::of(letters) {
            Some(key) => Ok((key, len)),
            None => Err(error(Detail::UnknownKey, start)),
        }
    }

    /// Why there is no key at `start`, the letters of which end at `at`.
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
