//! A header value taken apart, as JSON for people and programs: grammar only.

use alloc::borrow::Cow;
use alloc::string::String;

use super::text::{Event, Reader};
use super::{Key, XfccError, json};
use crate::print::{json_key, json_string, json_text};

/// The two forms of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `key=value` text.
    Text,
    /// Envoy's JSON array.
    Json,
}

/// `{"format":"text","elements":[[["By","…"],["Hash","…"]],…]}`: keys in the spelling of Envoy's
/// documentation, values with one layer of quoting removed (but the backslashes in a subject are those
/// of RFC 4514, and stay). An empty value, which is of both forms, has no `format`. Elements of the JSON
/// form have their pairs in the order of the text form.
///
/// # Errors
/// Those of [`super::text::Reader`] or [`json::parse`].
pub fn to_json(value: &[u8], form: Form) -> Result<String, XfccError> {
    let mut out = String::with_capacity(value.len().saturating_add(64));
    out.push('{');
    if !value.is_empty() {
        json_text(&mut out, "format", if form == Form::Text { "text" } else { "json" });
    }
    json_key(&mut out, "elements");
    out.push('[');
    match form {
        Form::Text => {
            let mut is_open = false;
            for event in Reader::new(value) {
                let event = event?;
                if !is_open {
                    open(&mut out);
                    is_open = true;
                }
                match event {
                    Event::Pair(key @ Key::Subject, value) => pair(&mut out, key, value.raw),
                    Event::Pair(key, value) => pair(&mut out, key, &value.unquoted()),
                    Event::ElementEnd => {
                        out.push(']');
                        is_open = false;
                    }
                }
            }
        }
        Form::Json => {
            for element in json::parse(value)? {
                open(&mut out);
                element.by.iter().for_each(|value| pair(&mut out, Key::By, value));
                one(&mut out, Key::Hash, &element.hash);
                one(&mut out, Key::Cert, &element.cert);
                element.chain.iter().for_each(|value| pair(&mut out, Key::Chain, value));
                one(&mut out, Key::Subject, &element.subject);
                element.uri.iter().for_each(|value| pair(&mut out, Key::Uri, value));
                element.dns.iter().for_each(|value| pair(&mut out, Key::Dns, value));
                out.push(']');
            }
        }
    }
    out.push_str("]}");
    Ok(out)
}

/// Starts a list, after a comma unless it is the first of its own.
fn open(out: &mut String) {
    if !out.ends_with('[') {
        out.push(',');
    }
    out.push('[');
}

fn pair(out: &mut String, key: Key, value: &str) {
    open(out);
    json_string(out, key.as_str());
    out.push(',');
    json_string(out, value);
    out.push(']');
}

fn one(out: &mut String, key: Key, value: &Option<Cow<'_, str>>) {
    if let Some(value) = value {
        pair(out, key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Detail;

    #[test]
    fn both_forms_print_the_same_pairs() {
        let text = r#"By=spiffe://td/p;Hash=ab;Subject="CN=a\,b";URI=spiffe://td/a;DNS="x\"",Hash=cd"#;
        assert_eq!(
            to_json(text.as_bytes(), Form::Text).unwrap(),
            r#"{"format":"text","elements":[[["By","spiffe://td/p"],["Hash","ab"],["Subject","CN=a\\,b"],["URI","spiffe://td/a"],["DNS","x\""]],[["Hash","cd"]]]}"#
        );
        let json = r#"[{"hash":"ab","uri":["u","v"],"by":["p"],"chain":["c","d"]},{},{"dns":["x"]}]"#;
        assert_eq!(
            to_json(json.as_bytes(), Form::Json).unwrap(),
            r#"{"format":"json","elements":[[["By","p"],["Hash","ab"],["Chain","c"],["Chain","d"],["URI","u"],["URI","v"]],[],[["DNS","x"]]]}"#
        );
        for form in [Form::Text, Form::Json] {
            assert_eq!(to_json(b"", form).unwrap(), r#"{"elements":[]}"#);
        }
        assert_eq!(to_json(b"[]", Form::Json).unwrap(), r#"{"format":"json","elements":[]}"#);
    }

    #[test]
    fn a_fault_anywhere_is_the_answer() {
        let error = to_json(b"Hash=ab,Hash=\"", Form::Text).unwrap_err();
        assert_eq!(error, XfccError { code: Detail::UnclosedQuote, offset: 13 });
        assert_eq!(to_json(b"[]", Form::Text).unwrap_err().code, Detail::UnexpectedFormat);
        assert_eq!(to_json(b"Hash=ab", Form::Json).unwrap_err().code, Detail::UnexpectedFormat);
    }
}
