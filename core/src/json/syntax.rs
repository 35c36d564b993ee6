//! Whether a text is JSON (RFC 8259), and where it stops being so.

use alloc::vec::Vec;

/// Where a text stops being JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Bytes read, the one that is wrong included.
    pub(crate) read: usize,
    /// Whether nothing is wrong but that the text ends.
    pub(crate) is_end: bool,
}

/// Checks a text.
#[inline(never)]
pub(crate) fn check(text: &str) -> Result<(), Stop> {
    Scan { bytes: text.as_bytes(), at: 0 }.document()
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Scan<'_> {
    /// One value, and nothing after it. What is open is a list, not a recursion.
    fn document(&mut self) -> Result<(), Stop> {
        // The brackets that will close what is open.
        let mut open: Vec<u8> = Vec::new();
        loop {
            let mut is_first = false;
            match self.token().ok_or(self.end())? {
                b'{' => {
                    open.push(b'}');
                    is_first = true;
                    self.take();
                }
                b'[' => {
                    open.push(b']');
                    is_first = true;
                    self.take();
                }
                b'"' => self.string()?,
                b'n' => self.word(b"null")?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'-' | b'0'..=b'9' => self.number()?,
                _ => return Err(self.ahead()),
            }
            // What ends here, until something goes on.
            let is_object = loop {
                let Some(closing) = open.last().copied() else {
                    return if self.token().is_none() { Ok(()) } else { Err(self.ahead()) };
                };
                match self.token().ok_or(self.end())? {
                    b',' if !is_first => {
                        self.take();
                        break closing == b'}';
                    }
                    byte if byte == closing => {
                        self.take();
                        open.pop();
                        is_first = false;
                    }
                    _ if is_first => break closing == b'}',
                    _ => return Err(self.ahead()),
                }
            };
            if is_object {
                match self.token().ok_or(self.end())? {
                    b'"' => self.string()?,
                    _ => return Err(self.ahead()),
                }
                match self.token().ok_or(self.end())? {
                    b':' => self.take(),
                    _ => return Err(self.ahead()),
                }
            }
        }
    }

    /// The next byte that is no white space, which is not taken yet.
    fn token(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.take(),
                other => return other,
            }
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Stop> {
        for expected in word {
            let byte = self.next().ok_or(self.end())?;
            if byte != *expected {
                return Err(self.here());
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Stop> {
        if self.peek() == Some(b'-') {
            self.take();
        }
        match self.next() {
            Some(b'0') if matches!(self.peek(), Some(b'0'..=b'9')) => return Err(self.ahead()),
            Some(b'0') => {}
            Some(b'1'..=b'9') => drop(self.digits()),
            _ => return Err(self.here()),
        }
        if self.peek() == Some(b'.') {
            self.take();
            if !self.digits() {
                return Err(self.ahead());
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.take();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.take();
            }
            if !self.digits() {
                self.next();
                return Err(self.here());
            }
        }
        Ok(())
    }

    /// Whether there was at least one.
    fn digits(&mut self) -> bool {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.take();
        }
        self.at > start
    }

    /// A string, from its opening quote.
    fn string(&mut self) -> Result<(), Stop> {
        self.take();
        loop {
            self.at = self.at.saturating_add(plain(self.bytes.get(self.at..).unwrap_or_default()));
            match self.peek().ok_or(self.end())? {
                b'"' => {
                    self.take();
                    return Ok(());
                }
                b'\\' => self.escape()?,
                // A raw control character: it counts as not read.
                _ => return Err(self.here()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Stop> {
        self.take();
        match self.next().ok_or(self.end())? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let after = self.at.saturating_add(4);
                let digits = self.bytes.get(self.at..after).ok_or(self.end())?;
                self.at = after;
                if digits.iter().all(u8::is_ascii_hexdigit) { Ok(()) } else { Err(self.here()) }
            }
            _ => Err(self.here()),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    const fn take(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at = self.at.saturating_add(usize::from(byte.is_some()));
        byte
    }

    /// The byte that was taken last is wrong.
    const fn here(&self) -> Stop {
        Stop { read: self.at, is_end: false }
    }

    /// The next byte is wrong.
    fn ahead(&self) -> Stop {
        Stop { read: self.at.saturating_add(1).min(self.bytes.len()), is_end: false }
    }

    /// There should be a next byte.
    const fn end(&self) -> Stop {
        Stop { read: self.bytes.len(), is_end: true }
    }
}

/// How many bytes at the front stand for themselves in a string. Eight at once, each in a lane of one
/// number: a lane's high bit is set where it is below a space, a quote or a backslash, and in lanes
/// above such a one, perhaps, by its borrow.
fn plain(bytes: &[u8]) -> usize {
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    const fn below(lanes: u64, least: u8) -> u64 {
        lanes.wrapping_sub(all(least)) & !lanes
    }
    let (chunks, _) = bytes.as_chunks::<8>();
    let is_plain = |chunk: &&[u8; 8]| {
        let lanes = u64::from_le_bytes(**chunk);
        let special = below(lanes, b' ') | below(lanes ^ all(b'"'), 1) | below(lanes ^ all(b'\\'), 1);
        special & all(0x80) == 0
    };
    let skipped = chunks.iter().take_while(is_plain).count().saturating_mul(8);
    let rest = bytes.get(skipped..).unwrap_or_default();
    let is_special = |byte: &u8| matches!(byte, 0..=0x1F | b'"' | b'\\');
    skipped.saturating_add(rest.iter().position(is_special).unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    /// What serde_json says of a text, in our terms.
    fn library(text: &str) -> Result<(), Stop> {
        let read: Result<IgnoredAny, serde_json::Error> = serde_json::from_str(text);
        let Err(error) = read else { return Ok(()) };
        let before =
            text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        Err(Stop { read: before.saturating_add(error.column()), is_end: error.is_eof() })
    }

    #[test]
    fn broken_texts_stop_where_the_library_stops() {
        let whole = "{ \"a\\u12aF\\n\u{e4}\" : [ -0.5e+10, 1E7, 0, true, false, null, \"\", [], {} ],\n\t\"b\":{\"c\":1} }\n";
        assert_eq!(check(whole), Ok(()));
        for (at, _) in whole.char_indices() {
            let (front, back) = whole.split_at(at);
            assert_eq!(check(front), library(front), "{front}");
            let without = [front, back.get(1..).unwrap_or_default()].concat();
            assert_eq!(check(&without), library(&without), "{without}");
            for other in
                ["x", "\"", "\\", "\n", "\u{1}", ",", ":", "[", "]", "{", "}", "0", "-", ".", "e", "\u{e9}"]
            {
                let longer = [front, other, back].concat();
                assert_eq!(check(&longer), library(&longer), "{longer}");
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_library(
            text in r#"[\[\]{}",:\\ \n0-9eE+.truefalsn\x01é-]{0,24}"#,
            tokens in proptest::collection::vec(
                proptest::sample::select(&[
                    "[", "]", "{", "}", ",", ":", "\"a\"", "1", "-0", "0.5", "1e5", "01", "-", "2.", "3e", "true",
                    "nul", "null", " ", "\n", "\"\\u00e9\"", "\"\\u12\"", "\"\\x\"", "\"\u{e9}\"", "\"12345678\n\"", "\"",
                ][..]),
                0..12,
            ),
        ) {
            prop_assert_eq!(check(&text), library(&text));
            let joined = tokens.concat();
            prop_assert_eq!(check(&joined), library(&joined), "{}", joined);
        }

        #[test]
        fn strings_end_at_the_first_special_byte(text in "[ -~é\u{7f}\u{80}\u{1}\t]{0,40}") {
            let expected = text.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\');
            prop_assert_eq!(plain(text.as_bytes()), expected.unwrap_or(text.len()));
        }
    }
}
