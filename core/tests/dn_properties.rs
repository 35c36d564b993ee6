//! Properties of names and SPIFFE IDs over random and generated texts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod common;

use common::names::{Part, Style, canonical, check_id, check_name, check_written_name, write_name};
use proptest::prelude::*;
use proptest::sample::select;

const NAME_PIECES: &[&str] = &[
    "CN", "cn", "O", "2.5.4.3", "1.2", "XX", "=", ",", "+", "a", " ", "\\", "\\,", "\\20", "\\C3\\B6",
    "\\C3", "\\00", "#", "#0C0141", "#0500", "\"", ";", "<", "é", "\0", "\\\\", "\\#",
];

const ID_PIECES: &[&str] = &[
    "spiffe://",
    "td",
    "a",
    "/",
    "//",
    ".",
    "..",
    "/.",
    "A",
    "-",
    "_",
    "%",
    ":",
    "@",
    "?",
    "#",
    " ",
    "é",
    "\0",
];

fn styles() -> impl Strategy<Value = Vec<Style>> {
    prop::collection::vec(select(&[Style::Shortest, Style::Backslash, Style::Hex][..]), 1..6)
}

/// Few types and short values, so that equal names come up too.
fn part() -> impl Strategy<Value = Part> {
    let oid = select(&["2.5.4.3", "2.5.4.10", "0.9.2342.19200300.100.1.25", "1.2.3.4"][..]);
    (oid, prop_oneof!["[ab]?", "[ -~]{0,12}", "\\PC{0,6}", any::<String>()], any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_name_or_not(
        pieces in prop::collection::vec(select(NAME_PIECES), 0..16),
        bytes in prop::collection::vec(any::<u8>(), 0..32),
    ) {
        check_name(pieces.concat().as_bytes());
        check_name(&bytes);
        check_name(&[b"CN=", bytes.as_slice()].concat());
    }

    #[test]
    fn written_names_are_read_back(
        mut parts in prop::collection::vec(part(), 1..5),
        one in styles(),
        other in styles(),
    ) {
        parts[0].2 = true;
        check_written_name(&parts, &one, &other);
    }

    #[test]
    fn different_names_differ(
        one in prop::collection::vec(part(), 1..4),
        other in prop::collection::vec(part(), 1..4),
    ) {
        // As a reader of structures sees them: RDNs as sorted lists.
        let rdns = |parts: &[Part]| {
            let mut rdns: Vec<Vec<(&str, String)>> = Vec::new();
            for (index, (oid, value, starts)) in parts.iter().enumerate() {
                if index == 0 || *starts {
                    rdns.push(Vec::new());
                }
                rdns.last_mut().unwrap().push((oid, value.clone()));
            }
            rdns.iter_mut().for_each(|rdn| rdn.sort());
            rdns
        };
        let plain = [Style::Shortest];
        let same = canonical(&write_name(&one, &plain)) == canonical(&write_name(&other, &plain));
        prop_assert_eq!(same, rdns(&one) == rdns(&other));
    }

    #[test]
    fn any_text_is_an_id_or_not(pieces in prop::collection::vec(select(ID_PIECES), 0..12)) {
        check_id(pieces.concat().as_bytes());
        check_id(format!("spiffe://td{}", pieces.concat()).as_bytes());
    }

    #[test]
    fn any_bytes_are_an_id_or_not(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
        check_id(&bytes);
        check_id(&[b"spiffe://", &bytes[..]].concat());
    }
}
