//! The lines of one header among all lines of a request.

use alloc::vec::Vec;

use super::Refusal;
use crate::reason::Detail;
use crate::request::Header;
use crate::upstream::is_alias;

/// A header's value: its lines joined with `,`, empty lines left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'r> {
    Absent,
    One(&'r [u8]),
    Joined(Vec<u8>),
}

/// Collects a list-valued header.
///
/// # Errors
/// `aliased_header`, `header_too_long`.
pub(crate) fn join<'r>(name: &str, headers: &[Header<'r>], max_bytes: usize) -> Result<Value<'r>, Refusal> {
    let mut value = Value::Absent;
    let mut aliased = false;
    for (found, line) in headers {
        if !is_alias(found, name) {
            continue;
        }
        if !found.eq_ignore_ascii_case(name.as_bytes()) {
            aliased = true;
        } else if !line.is_empty() {
            value = match value {
                Value::Absent => Value::One(line),
                Value::One(first) => Value::Joined([first, b",", line].concat()),
                Value::Joined(mut lines) => {
                    lines.push(b',');
                    lines.extend_from_slice(line);
                    Value::Joined(lines)
                }
            };
        }
    }
    if aliased {
        return Err(Refusal::malformed(Detail::AliasedHeader));
    }
    let bytes = match &value {
        Value::Absent => 0,
        Value::One(line) => line.len(),
        Value::Joined(lines) => lines.len(),
    };
    if bytes > max_bytes {
        return Err(Refusal::malformed(Detail::HeaderTooLong));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "x-forwarded-client-cert";

    #[test]
    fn lines_are_joined_in_order_and_empty_ones_dropped() {
        let lines: &[Header<'_>] = &[
            (b"X-Forwarded-Client-Cert", b""),
            (b"x-forwarded-client-cert", b"a"),
            (b"other", b"b"),
            (b"x-forwarded-client-cert", b""),
            (b"X-FORWARDED-CLIENT-CERT", b"c"),
        ];
        assert_eq!(join(NAME, lines, 3), Ok(Value::Joined(b"a,c".to_vec())));
        assert_eq!(join(NAME, lines, 2), Err(Refusal::malformed(Detail::HeaderTooLong)));
        assert_eq!(join(NAME, &lines[..2], 9), Ok(Value::One(b"a")));
        assert_eq!(join(NAME, &lines[..1], 9), Ok(Value::Absent));
    }

    #[test]
    fn an_alias_is_refused_even_beside_the_header() {
        for alias in [&b"x_forwarded_client_cert"[..], b"X-Forwarded.Client-Cert"] {
            let refused = Err(Refusal::malformed(Detail::AliasedHeader));
            assert_eq!(join(NAME, &[(alias, b"")], 9), refused);
            assert_eq!(join(NAME, &[(NAME.as_bytes(), b"a"), (alias, b"b")], 9), refused);
        }
    }
}
