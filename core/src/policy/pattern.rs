//! Path patterns as written: `/literal/{name}/*`.

use alloc::boxed::Box;

use super::reading::Reading;
use crate::limits::PATTERN_SEGMENTS;
use crate::target::{TargetRules, check_path};

/// A valid pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
}

/// A text is no pattern; the byte at which it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Offset into the text.
    pub offset: usize,
}

/// One segment of a pattern.
pub(super) enum Part<'a> {
    Literal(&'a [u8]),
    Variable,
    Rest,
}

impl Pattern {
    /// Reads a pattern: `/literal/{name}/*`.
    ///
    /// # Errors
    /// On any other use of `*`, `{`, `}`, on more than 32 segments, and on what the policy's own
    /// request sanity would refuse.
    pub fn parse(text: &str, rules: &TargetRules) -> Result<Self, PatternError> {
        let (encoded_slash, semicolon) = match *rules {
            TargetRules::Strict { allow_encoded_slash, allow_semicolon } => {
                (allow_encoded_slash, allow_semicolon)
            }
            TargetRules::Any => (false, false),
        };
        if check_path(text.as_bytes(), encoded_slash, semicolon).is_err() {
            return Err(PatternError { offset: 0 });
        }
        let mut offset = 1_usize;
        let mut count = 0_usize;
        let mut segments = segments(text).peekable();
        while let Some(segment) = segments.next() {
            // In its widest reading, too, a pattern has at most 32 segments: the depth of a walk.
            count = count.saturating_add(Reading::SPLIT.segments(segment.as_bytes()).count());
            if count > PATTERN_SEGMENTS || !is_part(segment, segments.peek().is_none()) {
                return Err(PatternError { offset });
            }
            offset = offset.saturating_add(segment.len()).saturating_add(1);
        }
        Ok(Self { text: text.into() })
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        segments(&self.text).map(|segment| match segment.as_bytes() {
            b"*" => Part::Rest,
            [b'{', ..] => Part::Variable,
            literal => Part::Literal(literal),
        })
    }
}

/// What stands between the slashes of a path, the first of which begins it.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or_default().split('/')
}

fn is_part(segment: &str, last: bool) -> bool {
    if segment == "*" {
        return last;
    }
    match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        }
        // A question mark would begin the query, which no pattern sees.
        None => !segment.contains(['*', '{', '}', '?']),
    }
}
