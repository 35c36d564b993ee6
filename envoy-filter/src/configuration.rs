//! What the proxy was given as plugin configuration.
//!
//! Envoy hands a `StringValue` or `BytesValue` over as it stands, and any other message type as its
//! serialized protobuf. A deployment is JSON text, so everything else is refused with the way out.

use peergate_core::load::{LoadError, Place, Warning};
use peergate_core::print;

use crate::record::one_line;

/// Whether a configuration can be a JSON text at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing: no configuration, or an empty Struct.
    Empty,
    /// The bytes of a `google.protobuf.Struct`.
    Struct,
    /// Left to the JSON parser.
    Text,
}

/// The first byte of a Struct is the key of its first field, 0x0A: to JSON, white space. What comes
/// next is a length, 0x0A again and the length of a key that is less than the first length, so a
/// Struct never goes on, after white space, with `{` (0x7B).
pub(crate) fn form(bytes: &[u8]) -> Form {
    let first = bytes.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    match (bytes.first(), first) {
        (None, _) => Form::Empty,
        (Some(0x0a), Some(byte)) if *byte != b'{' => Form::Struct,
        _ => Form::Text,
    }
}

/// For people: why there is nothing to read, and what to write instead.
pub(crate) const fn advice(form: Form) -> Option<&'static str> {
    match form {
        Form::Empty => Some(
            "the plugin configuration is empty; give the deployment as JSON text in a google.protobuf.StringValue",
        ),
        Form::Struct => Some(
            "the plugin configuration is a google.protobuf.Struct, which Envoy hands over as protobuf and not as JSON; give the deployment as JSON text in a google.protobuf.StringValue",
        ),
        Form::Text => None,
    }
}

/// One refused place of a document.
pub(crate) fn error_line(error: &LoadError) -> String {
    let (code, message) = (error.code.code(), error.code.message());
    place_line("refused configuration", &error.place, code, message, error.hint)
}

/// One doubt about a document that was taken.
pub(crate) fn warning_line(warning: &Warning) -> String {
    let (code, message) = (warning.code.code(), warning.code.message());
    place_line("warning", &warning.place, code, message, warning.hint)
}

fn place_line(what: &str, place: &Place, code: &str, message: &str, hint: &str) -> String {
    let pointer = place.full_pointer();
    let mut text = ["peergate: ", what, ": ", &pointer, " ", code, ": ", message, " (", hint, ") "].concat();
    print::decimal(&mut text, place.line as u64, 1);
    text.push(':');
    print::decimal(&mut text, place.column as u64, 1);
    one_line(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use peergate_core::{Document, LoadCode, WarningCode};

    #[test]
    fn tells_json_from_protobuf() {
        assert_eq!(form(b""), Form::Empty);
        assert_eq!(form(b"{}"), Form::Text);
        assert_eq!(form(b"\n  {}"), Form::Text, "a YAML block may start with an empty line");
        assert_eq!(form(b"[1]"), Form::Text, "the parser says what is wrong");
        // {"n": 1.5}
        assert_eq!(form(b"\x0a\x0e\x0a\x01n\x12\x09\x11\0\0\0\0\0\0\xf8\x3f"), Form::Struct);
        // The length of the first field, and of its key, may look like white space.
        assert_eq!(form(b"\x0a\x20\x0a\x0ddocumentation"), Form::Struct);
    }

    #[test]
    fn says_what_to_write_instead() {
        for form in [Form::Empty, Form::Struct] {
            assert!(advice(form).is_some_and(|advice| advice.contains("StringValue")), "{form:?}");
        }
        assert_eq!(advice(Form::Text), None);
    }

    #[test]
    fn an_error_is_one_line() {
        let place =
            Place { document: Document::Deployment, pointer: "/policy/a\nb".into(), line: 3, column: 14 };
        let line = error_line(&LoadError { code: LoadCode::InvalidJson, place, hint: "close the string" });
        assert!(line.starts_with("peergate: refused configuration: /policy/a\\nb invalid_json: "), "{line}");
        assert!(line.ends_with(" (close the string) 3:14"), "{line}");
        assert!(!line.contains('\n'));
    }

    #[test]
    fn a_warning_names_its_place() {
        let place = Place {
            document: Document::Deployment,
            pointer: "/policy/groups/old".into(),
            line: 1,
            column: 2,
        };
        let line = warning_line(&Warning { code: WarningCode::UnusedGroup, place, hint: "remove it" });
        assert!(line.starts_with("peergate: warning: /policy/groups/old unused_group: "), "{line}");
        assert!(line.ends_with(" (remove it) 1:2"), "{line}");
    }
}
