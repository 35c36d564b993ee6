//! The lines of a source's headers among all lines of a request.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Refusal;
use crate::reason::Detail;
use crate::request::Header;
use crate::upstream::{Likeness, likeness};

/// A header that a source reads.
#[derive(Debug)]
pub(crate) struct Watched {
    /// Lower case.
    pub(crate) name: Box<str>,
    /// Whether several lines make one value, joined with `,`.
    pub(crate) is_list: bool,
}

/// A header's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'r> {
    /// No line.
    Absent,
    /// A line without content.
    Empty,
    One(&'r [u8]),
    Joined(Vec<u8>),
}

impl Value<'_> {
    /// The value; none where it is empty.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Absent | Self::Empty => None,
            Self::One(line) => Some(line),
            Self::Joined(lines) => Some(lines),
        }
    }
}

/// Collects the values of `watched`, in their order. Empty lines of a list are left out.
///
/// # Errors
/// `repeated_header`, `aliased_header`, `header_too_long`.
pub(crate) fn collect<'r>(
    watched: &[Watched],
    headers: &[Header<'r>],
    max_bytes: usize,
    values: &mut [Value<'r>],
) -> Result<(), Refusal> {
    let (mut repeated, mut aliased) = (false, false);
    for (found, line) in headers {
        for (header, value) in watched.iter().zip(values.iter_mut()) {
            match likeness(found, &header.name) {
                Likeness::Other => {}
                Likeness::Alias => aliased = true,
                Likeness::Same if header.is_list => join(value, line),
                Likeness::Same => match value {
                    Value::Absent if line.is_empty() => *value = Value::Empty,
                    Value::Absent => *value = Value::One(line),
                    Value::Empty | Value::One(_) | Value::Joined(_) => repeated = true,
                },
            }
        }
    }
    let too_long = |value: &Value<'_>| value.bytes().is_some_and(|bytes| bytes.len() > max_bytes);
    if repeated {
        Err(Refusal::malformed(Detail::RepeatedHeader))
    } else if aliased {
        Err(Refusal::malformed(Detail::AliasedHeader))
    } else if values.iter().any(too_long) {
        Err(Refusal::malformed(Detail::HeaderTooLong))
    } else {
        Ok(())
    }
}

fn join<'r>(value: &mut Value<'r>, line: &'r [u8]) {
    if line.is_empty() {
        return;
    }
    match value {
        Value::Absent | Value::Empty => *value = Value::One(line),
        Value::One(first) => *value = Value::Joined([*first, b",", line].concat()),
        Value::Joined(lines) => {
            lines.push(b',');
            lines.extend_from_slice(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "x-forwarded-client-cert";

    fn read<'r>(is_list: bool, headers: &[Header<'r>], max_bytes: usize) -> Result<Value<'r>, Refusal> {
        let mut values = [Value::Absent];
        let watched = [Watched { name: NAME.into(), is_list }];
        collect(&watched, headers, max_bytes, &mut values)?;
        let [value] = values;
        Ok(value)
    }

    #[test]
    fn lines_are_joined_in_order_and_empty_ones_dropped() {
        let lines: &[Header<'_>] = &[
            (b"X-Forwarded-Client-Cert", b""),
            (b"x-forwarded-client-cert", b"a"),
            (b"other", b"b"),
            (b"x-forwarded-client-cert", b""),
            (b"X-FORWARDED-CLIENT-CERT", b"c"),
        ];
        assert_eq!(read(true, lines, 3), Ok(Value::Joined(b"a,c".to_vec())));
        assert_eq!(read(true, lines, 2), Err(Refusal::malformed(Detail::HeaderTooLong)));
        assert_eq!(read(true, &lines[..2], 9), Ok(Value::One(b"a")));
        assert_eq!(read(true, &lines[..1], 9), Ok(Value::Absent));
    }

    #[test]
    fn a_single_value_stands_once_and_an_empty_line_counts() {
        let lines: &[Header<'_>] = &[
            (b"x-forwarded-client-cert", b""),
            (b"x-forwarded-client-cert", b"a"),
            (b"x_forwarded_client_cert", b""),
        ];
        let repeated = Err(Refusal::malformed(Detail::RepeatedHeader));
        assert_eq!(read(false, &lines[1..2], 1), Ok(Value::One(b"a")));
        assert_eq!(read(false, &lines[..1], 1), Ok(Value::Empty));
        assert_eq!(read(false, &lines[..2], 0), repeated);
        assert_eq!(read(false, lines, 9), repeated, "before the alias");
        assert_eq!(read(false, &lines[1..2], 0), Err(Refusal::malformed(Detail::HeaderTooLong)));
    }

    #[test]
    fn an_alias_is_refused_even_beside_the_header() {
        for alias in [&b"x_forwarded_client_cert"[..], b"X-Forwarded.Client-Cert"] {
            let refused = Err(Refusal::malformed(Detail::AliasedHeader));
            for is_list in [false, true] {
                assert_eq!(read(is_list, &[(alias, b"")], 9), refused);
                assert_eq!(read(is_list, &[(NAME.as_bytes(), b"a"), (alias, b"b")], 9), refused);
            }
        }
    }
}
