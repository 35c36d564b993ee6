//! Structured field values (RFC 9651) as far as RFC 9440 has them: a byte sequence, and a list of
//! byte sequences. Parameters mean nothing there, but must be well-formed.

use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes of an item that is a byte sequence.
pub(crate) fn byte_sequence(value: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(trim(value));
    let bytes = reader.member()?;
    reader.0.is_empty().then_some(bytes)
}

/// The members of a list of byte sequences; at least one.
pub(crate) fn byte_sequences(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut reader = Reader(trim(value));
    let mut members = alloc::vec![reader.member()?];
    loop {
        reader.skip(|byte| matches!(byte, b' ' | b'\t'));
        if reader.0.is_empty() {
            return Some(members);
        }
        reader.expect(b',')?;
        reader.skip(|byte| matches!(byte, b' ' | b'\t'));
        members.push(reader.member()?);
    }
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' '] = value {
        value = rest;
    }
    value
}

/// What is left to read.
struct Reader<'v>(&'v [u8]);

impl<'v> Reader<'v> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn meets(&mut self, byte: u8) -> bool {
        self.expect(byte).is_some()
    }

    /// The bytes from here on for which `is_part` holds.
    fn skip(&mut self, is_part: impl Fn(u8) -> bool) -> &'v [u8] {
        let end = self.0.iter().position(|byte| !is_part(*byte)).unwrap_or(self.0.len());
        let (part, rest) = self.0.split_at_checked(end).unwrap_or_default();
        self.0 = rest;
        part
    }

    fn member(&mut self) -> Option<Vec<u8>> {
        let bytes = self.bytes()?;
        self.parameters()?;
        Some(bytes)
    }

    /// `:` base64 `:`, with the padding that RFC 4648 asks for.
    fn bytes(&mut self) -> Option<Vec<u8>> {
        self.expect(b':')?;
        let text = self.skip(|byte| byte != b':');
        self.expect(b':')?;
        STANDARD.decode(text).ok()
    }

    fn parameters(&mut self) -> Option<()> {
        while self.meets(b';') {
            self.skip(|byte| byte == b' ');
            if !matches!(self.next()?, b'a'..=b'z' | b'*') {
                return None;
            }
            self.skip(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'));
            if self.meets(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    fn bare_item(&mut self) -> Option<()> {
        match self.0.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b':' => self.bytes().map(|_| ()),
            b'?' => {
                self.next();
                matches!(self.next()?, b'0' | b'1').then_some(())
            }
            b'@' => {
                self.next();
                self.integer(15)
            }
            b'%' => {
                self.next();
                self.display_string()
            }
            byte if byte.is_ascii_alphabetic() || *byte == b'*' => {
                self.skip(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte));
                Some(())
            }
            _ => None,
        }
    }

    /// An integer of 15 digits, or a decimal of 12 and 3.
    fn number(&mut self) -> Option<()> {
        let start = self.0;
        self.integer(15)?;
        if !self.meets(b'.') {
            return Some(());
        }
        let fraction = self.skip(|byte| byte.is_ascii_digit());
        let mut whole = Reader(start);
        whole.integer(12)?;
        (matches!(fraction.len(), 1..=3) && whole.meets(b'.')).then_some(())
    }

    fn integer(&mut self, most: usize) -> Option<()> {
        self.meets(b'-');
        let digits = self.skip(|byte| byte.is_ascii_digit());
        (!digits.is_empty() && digits.len() <= most).then_some(())
    }

    fn string(&mut self) -> Option<()> {
        self.expect(b'"')?;
        loop {
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => {
                    if !matches!(self.next()?, b'"' | b'\\') {
                        return None;
                    }
                }
                b' '..=b'~' => {}
                _ => return None,
            }
        }
    }

    fn display_string(&mut self) -> Option<()> {
        self.expect(b'"')?;
        loop {
            match self.next()? {
                b'"' => return Some(()),
                b'%' => {
                    for _ in 0..2 {
                        if !matches!(self.next()?, b'0'..=b'9' | b'a'..=b'f') {
                            return None;
                        }
                    }
                }
                b' '..=b'~' => {}
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_as_rfc_9440_has_them() {
        for good in [
            ":AAEC:",
            "  :AAEC:  ",
            ":AAEC:;a",
            ":AAEC:; a=1;b=-1.5;c=\"x\\\"\";d=tok/en:1;e=:AA==:;f=?0;g=@12;h=%\"%c3%a4\";*=*",
        ] {
            assert_eq!(byte_sequence(good.as_bytes()), Some(alloc::vec![0, 1, 2]), "{good}");
        }
        assert_eq!(byte_sequence(b"::"), Some(Vec::new()));
        for bad in [
            "",
            "AAEC",
            ":AAEC",
            ":AAE=C:",
            ":AAEC::",
            ":AAEC:x",
            ":AA:",
            ":AAF=:",
            ":AAEC:, :AAEC:",
            ":AA EC:",
            "\t:AAEC:",
            ":AAEC:;",
            ":AAEC:;A",
            ":AAEC:;a=",
            ":AAEC:;a=1.",
            ":AAEC:;a=1.2345",
            ":AAEC:;a=1234567890123.1",
            ":AAEC:;a=1234567890123456",
            ":AAEC:;a=\"x",
            ":AAEC:;a=\"\\x\"",
            ":AAEC:;a=?2",
            ":AAEC:;a=%\"%C3\"",
            ":AAEC: ;a",
        ] {
            assert_eq!(byte_sequence(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn lists_as_rfc_9440_has_them() {
        let two = Some(alloc::vec![alloc::vec![0], alloc::vec![1]]);
        assert_eq!(byte_sequences(b":AA==:,:AQ==:"), two);
        assert_eq!(byte_sequences(b":AA==:;a=1 \t,\t :AQ==:"), two);
        for bad in ["", ",", ":AA==:,", ",:AA==:", ":AA==:,,:AQ==:", "(:AA==:)", ":AA==: :AQ==:"] {
            assert_eq!(byte_sequences(bad.as_bytes()), None, "{bad}");
        }
    }
}
