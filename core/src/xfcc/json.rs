//! The JSON form of Envoy 1.38 and later: one array of one object for each element.
//!
//! ```json
//! [{"by":["…"],"hash":"…","cert":"…","chain":["…","…"],"subject":"…","uri":["…"],"dns":["…"]}]
//! ```
//!
//! Exactly this shape is read: the seven keys in lower case, each at most once, `by`, `chain`, `uri`
//! and `dns` as arrays of strings, the others as strings. A key that is absent and an array that is
//! empty are the same. JSON's own freedom (escapes, spaces between tokens) is kept, but the bytes of
//! a value, once decoded, are those that a value of the text form may hold: 0x20 to 0x7E, and line
//! feeds in `cert` and `chain`, where PEM stands unencoded.

mod read;

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::{XfccError, never_legal};
use crate::reason::Detail;

/// One object of the array. Absent keys are `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element<'a> {
    /// `by`.
    pub by: Vec<Cow<'a, str>>,
    /// `hash`; `None` when the key is missing, which the grammar allows and a source refuses.
    pub hash: Option<Cow<'a, str>>,
    /// `cert`, PEM.
    pub cert: Option<Cow<'a, str>>,
    /// `chain`, PEM each.
    pub chain: Vec<Cow<'a, str>>,
    /// `subject`.
    pub subject: Option<Cow<'a, str>>,
    /// `uri`.
    pub uri: Vec<Cow<'a, str>>,
    /// `dns`.
    pub dns: Vec<Cow<'a, str>>,
}

/// Reads a header value. An empty value and `[]` have no elements.
///
/// All elements are read, but no more than [`crate::limits::XFCC_ELEMENTS`] and one are returned: so
/// many are too many already.
///
/// # Errors
/// In the order in which they are looked for:
///
/// | code | where |
/// |---|---|
/// | `space_in_value` | at 0: a space in front |
/// | `unexpected_format` | at 0: the first byte is not `[` |
/// | `control_byte`, `non_ascii_byte` | at the first such byte of the value, wherever it stands |
/// | `space_in_value` | at the first of the spaces at the end |
/// | `unknown_key`, `duplicate_key` | at the key's opening quote |
/// | `control_byte`, `non_ascii_byte` | at the opening quote of the string that holds it as an escape |
/// | `bad_json` | at the value that should be another one; where the text is no JSON, where the token that is wrong starts or ends, give or take a byte |
pub fn parse(input: &[u8]) -> Result<Vec<Element<'_>>, XfccError> {
    match input.first() {
        None => return Ok(Vec::new()),
        Some(b'[') => {}
        Some(b' ') => return Err(XfccError { code: Detail::SpaceInValue, offset: 0 }),
        Some(byte) => {
            let code = never_legal(*byte).unwrap_or(Detail::UnexpectedFormat);
            return Err(XfccError { code, offset: 0 });
        }
    }
    let illegal = input.iter().enumerate().find_map(|(offset, byte)| Some((never_legal(*byte)?, offset)));
    if let Some((code, offset)) = illegal {
        return Err(XfccError { code, offset });
    }
    let trimmed = input.trim_ascii_end();
    if trimmed.len() < input.len() {
        return Err(XfccError { code: Detail::SpaceInValue, offset: trimmed.len() });
    }
    // Not an error here: all bytes are ASCII.
    let text = core::str::from_utf8(input)
        .map_err(|invalid| XfccError { code: Detail::NonAsciiByte, offset: invalid.valid_up_to() })?;
    read::array(text)
}
