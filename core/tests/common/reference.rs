//! The text form once more, naively: split, then look at each part, with allocations and several
//! passes. It shares no code with the reader under test; where they differ, one of them is wrong.

use peergate_core::reason::Detail::{self, *};
use peergate_core::xfcc::{Key, XfccError};

use super::Parsed;

type Failure = (Detail, usize);

pub(crate) fn reference(input: &[u8]) -> Result<Parsed, XfccError> {
    read(input).map_err(|(code, offset)| XfccError { code, offset })
}

fn read(input: &[u8]) -> Result<Parsed, Failure> {
    if input.is_empty() {
        return Ok(Vec::new());
    }
    if input[0] == b'{' || input[0] == b'[' || input.starts_with(b"MII") {
        return Err((UnexpectedFormat, 0));
    }
    let mut elements = Vec::new();
    let parts = split(input, 0, b',');
    let count = parts.len();
    for (number, (start, end)) in parts.into_iter().enumerate() {
        // Whitespace may stand next to a comma only.
        let mut from = start;
        let mut to = end;
        if number > 0 {
            while from < to && is_whitespace(input[from]) {
                from += 1;
            }
        }
        // In front of a comma it must follow a value: after a bare key it is part of the key.
        let last_pair = split(&input[..end], from, b';').pop().expect("at least one part");
        if number + 1 < count && input[last_pair.0..end].contains(&b'=') {
            while from < to && is_whitespace(input[to - 1]) {
                to -= 1;
            }
        }
        if from == to && number > 0 && from > start && number + 1 == count {
            return Err((whitespace(input[start]), start));
        }
        if from == to {
            return Err((EmptyElement, from));
        }
        elements.push(element(input, from, to)?);
    }
    Ok(elements)
}

fn element(input: &[u8], from: usize, to: usize) -> Result<Vec<(Key, String, bool)>, Failure> {
    let mut pairs: Vec<(Key, String, bool)> = Vec::new();
    for (start, end) in split(&input[..to], from, b';') {
        if start == end {
            return Err((EmptyPair, start));
        }
        let (key, value_at) = key(input, start, end)?;
        let once = matches!(key, Key::Hash | Key::Cert | Key::Chain | Key::Subject);
        if once && pairs.iter().any(|(other, _, _)| *other == key) {
            return Err((DuplicateKey, start));
        }
        let (value, quoted) = value(&input[..end], value_at)?;
        pairs.push((key, String::from_utf8(value).expect("ASCII"), quoted));
    }
    Ok(pairs)
}

fn key(input: &[u8], start: usize, end: usize) -> Result<(Key, usize), Failure> {
    let pair = &input[start..end];
    let letters: String =
        pair.iter().map(|b| char::from(*b)).take_while(|c| c.is_ascii_alphabetic()).collect();
    let at = start + letters.len();
    if at == end {
        return Err((MissingEquals, at));
    }
    let next = input[at];
    if next != b'=' {
        illegal(next, at)?;
        let code = if letters.is_empty() && next == b' ' {
            SpaceInValue
        } else if !pair.contains(&b'=') {
            MissingEquals
        } else if next == b' ' {
            SpaceInValue
        } else {
            BadKey
        };
        return Err((code, at));
    }
    let key = match letters.to_lowercase().as_str() {
        "" => return Err((EmptyKey, at)),
        "by" => Key::By,
        "hash" => Key::Hash,
        "cert" => Key::Cert,
        "chain" => Key::Chain,
        "subject" => Key::Subject,
        "uri" => Key::Uri,
        "dns" => Key::Dns,
        _ => return Err((UnknownKey, start)),
    };
    Ok((key, at + 1))
}

fn value(input: &[u8], start: usize) -> Result<(Vec<u8>, bool), Failure> {
    let quoted = input.get(start) == Some(&b'"');
    let mut value = Vec::new();
    let mut at = if quoted { start + 1 } else { start };
    loop {
        let Some(&byte) = input.get(at) else {
            return if quoted { Err((UnclosedQuote, start)) } else { Ok((value, false)) };
        };
        if byte == b' ' && !quoted {
            return Err((SpaceInValue, at));
        }
        illegal(byte, at)?;
        if byte == b'"' && quoted {
            break;
        }
        if byte == b'"' {
            return Err((QuoteInBareValue, at));
        }
        value.push(byte);
        at += 1;
        if byte == b'\\' && quoted {
            let Some(&escaped) = input.get(at) else { return Err((UnclosedQuote, start)) };
            illegal(escaped, at)?;
            value.push(escaped);
            at += 1;
        }
    }
    match input.get(at + 1) {
        None => Ok((value, true)),
        Some(b' ') => Err((SpaceInValue, at + 1)),
        Some(&byte) => {
            illegal(byte, at + 1)?;
            Err((TextAfterQuote, at + 1))
        }
    }
}

/// Splits at a separator outside quotes, where a quote opens only right after the first `=` of a
/// pair.
fn split(input: &[u8], from: usize, separator: u8) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut start = from;
    let mut quoted = false;
    let mut in_key = true;
    let mut at = from;
    while at < input.len() {
        let byte = input[at];
        if quoted {
            if byte == b'\\' {
                at += 1;
            } else if byte == b'"' {
                quoted = false;
            }
        } else if byte == b'=' && in_key {
            in_key = false;
            quoted = input.get(at + 1) == Some(&b'"');
            at += usize::from(quoted);
        } else {
            if byte == separator {
                parts.push((start, at));
                start = at + 1;
            }
            if byte == b',' || byte == b';' {
                in_key = true;
            }
        }
        at += 1;
    }
    parts.push((start, input.len()));
    parts
}

fn illegal(byte: u8, at: usize) -> Result<(), Failure> {
    match byte {
        0x20..=0x7E => Ok(()),
        0x80.. => Err((NonAsciiByte, at)),
        _ => Err((ControlByte, at)),
    }
}

fn is_whitespace(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn whitespace(byte: u8) -> Detail {
    if byte == b' ' { SpaceInValue } else { ControlByte }
}
