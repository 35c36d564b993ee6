//! Arbitrary and damaged documents: never a panic, every place inside the text.

use peergate_core::deployment;
use peergate_core::limits::HostLimits;
use peergate_core::load::Place;
use peergate_core::{Documents, LoadCode};
use proptest::prelude::*;

use super::corpus;

/// Loads bytes as each kind of document, and checks every place that comes back.
fn survive(bytes: &[u8]) {
    let policy = Some(corpus::LEAST_POLICY.as_bytes());
    let source = Some(bytes);
    for documents in [
        Documents::Parts { policy: bytes, source: None },
        Documents::Parts { policy: corpus::LEAST_POLICY.as_bytes(), source },
        Documents::Deployment { text: bytes, policy: None },
        Documents::Deployment { text: bytes, policy },
    ] {
        match deployment::parse(documents, HostLimits::NATIVE) {
            Ok(deployment) => deployment.warnings.iter().for_each(|doubt| inside(bytes, &doubt.place)),
            Err(errors) => {
                assert!(!errors.is_empty());
                for error in &errors {
                    inside(bytes, &error.place);
                    let is_syntax = matches!(error.code, LoadCode::InvalidUtf8 | LoadCode::InvalidJson);
                    assert!(!is_syntax || errors.len() == 1);
                }
            }
        }
    }
    let _ = deployment::policy_path(bytes, HostLimits::NATIVE);
}

/// Whether a place is one of this text, or the first of another.
fn inside(bytes: &[u8], place: &Place) {
    let text = String::from_utf8_lossy(bytes);
    let other = place.line == 1 && place.column <= corpus::LEAST_POLICY.len() + 1;
    let line = text.split('\n').nth(place.line - 1);
    let fits = line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&place.column));
    assert!(fits || other, "{place:?} in {text:?}");
    assert!(place.pointer.is_empty() || place.pointer.starts_with('/'));
}

fn documents() -> Vec<String> {
    let all = corpus::accepted().into_iter().chain(corpus::refused());
    all.map(|entry| entry.text).filter(|text| text.len() < 4000).collect()
}

fn fragment() -> impl Strategy<Value = String> {
    let fragments = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "\\ud800",
        "null",
        "true",
        "0",
        "-0",
        "1.0",
        "1e9",
        "-",
        "\n",
        "\u{FEFF}",
        "\u{0}",
        "ä",
        "\u{1F600}",
        "{}",
        "[]",
        "\"\"",
        "\"@\"",
        "\"*\"",
        "\"/{\"",
        "\"spiffe://\"",
        "\"URI:\"",
        "{\"a\":1,\"a\":1}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    ];
    prop::sample::select(fragments.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&bytes);
    }

    #[test]
    fn fragments(parts in prop::collection::vec(fragment(), 0..40)) {
        survive(parts.concat().as_bytes());
    }

    #[test]
    fn damaged_documents(
        document in prop::sample::select(documents()),
        cut in any::<prop::sample::Index>(),
        length in 0_usize..12,
        insert in fragment(),
    ) {
        let mut bytes = document.into_bytes();
        let start = cut.index(bytes.len() + 1);
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, insert.into_bytes());
        survive(&bytes);
    }

    #[test]
    fn damaged_bytes(document in prop::sample::select(documents()), cut in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = document.into_bytes();
        let at = cut.index(bytes.len().max(1));
        if let Some(old) = bytes.get_mut(at) {
            *old = byte;
        }
        survive(&bytes);
    }

    /// The same document in other white space is the same, and faults keep code and pointer.
    #[test]
    fn white_space_is_free(document in prop::sample::select(documents()), space in "[ \n\t\r]{0,3}") {
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&document) else { return Ok(()) };
        let tight = value.to_string();
        let wide = spread(&tight, &space);
        let load = |text: &str| {
            let documents = Documents::Parts { policy: text.as_bytes(), source: None };
            deployment::parse(documents, HostLimits::NATIVE).map(|deployment| deployment.policy.sha256).map_err(
                |errors| errors.iter().map(|error| (error.code, error.place.pointer.clone())).collect::<Vec<_>>(),
            )
        };
        prop_assert_eq!(load(&tight), load(&wide));
    }
}

/// Puts white space around every bracket, comma and colon outside strings.
fn spread(text: &str, space: &str) -> String {
    let mut out = String::new();
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        let structural = !in_string && "{}[],:".contains(c);
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && c == '\\' && !escaped;
        if structural {
            out.push_str(space);
        }
        out.push(c);
        if structural {
            out.push_str(space);
        }
    }
    out
}
