//! How servers may read a path: where segments end, and when two of them are the same.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::target::escape;

/// Which of the two readings a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// For allow rules.
    Narrow,
    /// For deny rules; `%2F` as a separator and `;` as the end of a segment are tried too.
    Wide,
}

/// One way in which a server may cut a path into segments.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// `%2F` separates segments.
    splits_escapes: bool,
    /// `;` ends what counts of a segment.
    parameters: Parameters,
}

/// What becomes of `;` and what follows it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameters {
    /// It stays.
    Kept,
    /// It goes up to the next separator, `%2F` among them if that is one.
    Cut,
    /// It goes up to the next `/`, before anything is decoded.
    CutFirst,
}

impl Reading {
    /// As written.
    pub(super) const OPAQUE: Self = Self { splits_escapes: false, parameters: Parameters::Kept };
    /// The one with the most segments.
    pub(super) const SPLIT: Self = Self { splits_escapes: true, parameters: Parameters::Kept };
    /// All but the first.
    pub(super) const LAX: [Self; 4] = [
        Self::SPLIT,
        Self { splits_escapes: false, parameters: Parameters::Cut },
        Self { splits_escapes: true, parameters: Parameters::Cut },
        Self { splits_escapes: true, parameters: Parameters::CutFirst },
    ];

    /// Whether this reading can differ from a simpler one for these bytes.
    pub(super) fn applies(self, path: &[u8]) -> bool {
        (!self.splits_escapes || path.windows(3).any(is_encoded_slash))
            && (self.parameters == Parameters::Kept || memchr::memchr(b';', path).is_some())
    }

    /// A path in which every separator of this reading is a `/`, and only what counts is left.
    pub(super) fn rewritten(self, path: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(path.len());
        let segments = path.split(|byte| *byte == b'/').flat_map(|segment| self.segments(segment));
        for (at, segment) in segments.enumerate() {
            if at > 0 {
                out.push(b'/');
            }
            out.extend_from_slice(segment);
        }
        out
    }

    /// What this reading makes of one segment between slashes.
    pub(super) fn segments(self, segment: &[u8]) -> impl Iterator<Item = &[u8]> {
        let cut_if = move |segment, parameters| {
            if self.parameters == parameters { without_parameters(segment) } else { segment }
        };
        let segment = cut_if(segment, Parameters::CutFirst);
        EncodedSlashes { rest: Some(segment), split: self.splits_escapes }
            .map(move |segment| cut_if(segment, Parameters::Cut))
    }
}

fn without_parameters(segment: &[u8]) -> &[u8] {
    memchr::memchr(b';', segment).and_then(|end| segment.get(..end)).unwrap_or(segment)
}

/// A segment, cut at each `%2F` if asked to.
struct EncodedSlashes<'a> {
    rest: Option<&'a [u8]>,
    split: bool,
}

impl<'a> Iterator for EncodedSlashes<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let segment = self.rest.take()?;
        let cut = if self.split { segment.windows(3).position(is_encoded_slash) } else { None };
        let Some(cut) = cut else { return Some(segment) };
        self.rest = segment.get(cut.saturating_add(3)..);
        segment.get(..cut)
    }
}

const fn is_encoded_slash(window: &[u8]) -> bool {
    matches!(window, [b'%', b'2', b'F' | b'f'])
}

/// The form in which segments are compared.
pub(super) fn normalised(segment: &[u8], width: Width) -> Cow<'_, [u8]> {
    let changes = |byte: &u8| *byte == b'%' || (width == Width::Wide && byte.is_ascii_uppercase());
    if !segment.iter().any(changes) {
        return Cow::Borrowed(segment);
    }
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.iter();
    while let Some(&byte) = bytes.next() {
        // Sanity has seen to it that every percent sign begins an escape.
        let decoded = if byte == b'%' { escape(&mut bytes).unwrap_or(b'%') } else { byte };
        match width {
            Width::Wide => out.push(decoded.to_ascii_lowercase()),
            Width::Narrow if byte != b'%' || is_unreserved(decoded) => out.push(decoded),
            Width::Narrow => out.extend_from_slice(&[b'%', upper_hex(decoded >> 4), upper_hex(decoded & 15)]),
        }
    }
    Cow::Owned(out)
}

/// RFC 3986, section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn upper_hex(digit: u8) -> u8 {
    if digit < 10 { b'0'.wrapping_add(digit) } else { b'A'.wrapping_sub(10).wrapping_add(digit) }
}
