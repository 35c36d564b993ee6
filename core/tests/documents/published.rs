//! `docs/codes.md` publishes exactly the codes that there are.

use std::fmt::Write;
use std::path::Path;

use peergate_core::{Detail, LoadCode, Reason, WarningCode};

/// Set to rewrite the tables instead of checking them.
const BLESS: &str = "PEERGATE_BLESS";

#[test]
fn the_published_tables_are_the_tables_of_the_code() {
    let errors = LoadCode::ALL.iter().map(|code| (code.code(), code.message(), code.hint()));
    let warnings = WarningCode::ALL.iter().map(|code| (code.code(), code.message(), code.hint()));
    check("## Reasons", &meanings(Reason::ALL.iter().map(|code| (code.code(), code.about()))));
    check("## Details", &meanings(Detail::ALL.iter().map(|code| (code.code(), code.about()))));
    check("## Load errors", &table(errors));
    check("## Warnings", &table(warnings));
}

#[test]
fn codes_are_snake_case_and_different() {
    let codes = LoadCode::ALL.iter().map(|code| code.code());
    let mut codes: Vec<_> = codes.chain(WarningCode::ALL.iter().map(|code| code.code())).collect();
    for code in &codes {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        assert!(code.bytes().all(legal) && !code.starts_with('_'), "{code}");
    }
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), count);
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> String {
    let mut out = String::from("| code | what it means | what to do |\n|---|---|---|\n");
    for (code, message, hint) in rows {
        writeln!(out, "| `{code}` | {} | {} |", escape(message), escape(hint)).unwrap();
    }
    out
}

fn meanings<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("| code | what it means |\n|---|---|\n");
    for (code, about) in rows {
        writeln!(out, "| `{code}` | {} |", about.trim().replace('|', "\\|")).unwrap();
    }
    out
}

/// For Markdown within a table.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if "\\|*_<>[]".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Compares the first table under a heading.
fn check(heading: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/codes.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, section) = text.split_once(&format!("{heading}\n")).expect(heading);
    let start = section.find("| code |").expect("a table under the heading");
    let end = section[start..].find("\n\n").map_or(section.len(), |end| start + end + 1);
    if std::env::var_os(BLESS).is_some() {
        let blessed = format!("{before}{heading}\n{}{expected}{}", &section[..start], &section[end..]);
        std::fs::write(&path, blessed).unwrap();
    } else {
        assert!(section[start..end] == *expected, "{heading} of docs/codes.md is out of date: set {BLESS}=1");
    }
}
