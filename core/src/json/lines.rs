//! From byte offsets to lines and columns, without reading the text again for each.

use alloc::vec::Vec;

/// Bytes between two marks: what one look-up reads at most.
const STRIDE: usize = 1024;

/// Marks at every [`STRIDE`] bytes of a text.
#[derive(Debug)]
pub(super) struct Lines {
    marks: Vec<Mark>,
}

/// What is known at one byte of the text.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// Line feeds before it.
    lines: usize,
    /// Code points before it.
    chars: usize,
    /// Code points before the line that it is in.
    line_start: usize,
}

impl Mark {
    /// Takes one byte. Continuation bytes of UTF-8 belong to the code point before them.
    fn step(&mut self, byte: u8) {
        self.chars = self.chars.saturating_add(usize::from(byte & 0xC0 != 0x80));
        if byte == b'\n' {
            self.lines = self.lines.saturating_add(1);
            self.line_start = self.chars;
        }
    }

    fn position(self) -> (usize, usize) {
        let column = self.chars.saturating_sub(self.line_start);
        (self.lines.saturating_add(1), column.saturating_add(1))
    }
}

impl Lines {
    /// One pass over the text.
    pub(super) fn new(text: &str) -> Self {
        let mut mark = Mark::default();
        let mut marks = Vec::with_capacity(text.len().div_ceil(STRIDE).saturating_add(1));
        for chunk in text.as_bytes().chunks(STRIDE) {
            marks.push(mark);
            chunk.iter().for_each(|byte| mark.step(*byte));
        }
        // An offset may be the end of the text.
        marks.push(mark);
        Self { marks }
    }

    /// Line and column, both from 1, of an offset at most the text's length.
    pub(super) fn locate(&self, text: &str, offset: usize) -> (usize, usize) {
        let nth = offset.checked_div(STRIDE).unwrap_or_default();
        let mut mark = self.marks.get(nth).copied().unwrap_or_default();
        let start = nth.saturating_mul(STRIDE);
        text.as_bytes().get(start..offset).unwrap_or_default().iter().for_each(|byte| mark.step(*byte));
        mark.position()
    }
}

/// The same, for one look-up.
pub(super) fn locate_slowly(text: &str, offset: usize) -> (usize, usize) {
    let mut mark = Mark::default();
    text.bytes().take(offset).for_each(|byte| mark.step(byte));
    mark.position()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_agrees_with_counting() {
        let text = "äb\r\nc\u{1F600}d\n\n".repeat(400);
        let lines = Lines::new(&text);
        for (offset, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let before = text.get(..offset).unwrap();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            assert_eq!(lines.locate(&text, offset), (line, column), "offset {offset}");
            assert_eq!(locate_slowly(&text, offset), (line, column), "offset {offset}");
        }
    }

    #[test]
    fn one_long_line_and_an_empty_text() {
        let text = "ö".repeat(5000);
        assert_eq!(Lines::new(&text).locate(&text, 10_000), (1, 5001));
        assert_eq!(Lines::new("").locate("", 0), (1, 1));
    }
}
