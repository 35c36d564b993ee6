//! `docs/codes.md` publishes exactly the codes that there are, and `docs/sources.md` the presets.

use std::fmt::Write;
use std::path::Path;

use peergate_core::source::form::{
    Carried, CertificateForm, Encoding, Percent, Signal, Slot, Texts, Vouching, Without,
};
use peergate_core::source::preset::{self, Carrier};
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
fn the_published_presets_are_those_of_the_code() {
    check_in("sources.md", "## The presets", "| preset |", &presets());
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

fn presets() -> String {
    let mut out = String::from(
        "| preset | headers by role | certificate | verified | no certificate |\n|---|---|---|---|---|\n",
    );
    for row in preset::TABLE {
        let Carrier::Headers(form) = &row.carrier else { continue };
        let Carried::Certificate(certificate) = &form.carried else { continue };
        let headers: Vec<_> = row.headers.iter().map(|(role, name)| format!("{role} `{name}`")).collect();
        let headers = headers.join(", ");
        let role = |slot: Slot| row.headers[usize::from(slot.0)].0;
        writeln!(
            out,
            "| `{}` | {headers} | {} | {} | {} |",
            row.preset,
            decoding(certificate),
            verified(&form.vouching, &role),
            absent(certificate, &form.vouching, &role),
        )
        .unwrap();
    }
    out
}

fn decoding(form: &CertificateForm) -> String {
    let mut steps = Vec::new();
    if form.quotes {
        steps.push("quotes allowed");
    }
    match form.percent {
        Percent::None => {}
        Percent::Component => steps.push("component"),
        Percent::Literal => steps.push("literal"),
        Percent::Form => steps.push("form"),
        Percent::IfEscaped => steps.push("if escaped"),
    }
    if form.first_of_list {
        steps.push("first of list");
    }
    steps.push(match form.encoding {
        Encoding::Pem => "PEM",
        Encoding::PemFolded => "folded PEM",
        Encoding::PemChain => "first of several PEM",
        Encoding::Base64 => "base64 DER",
        Encoding::ByteSequence => "byte sequence",
    });
    if form.sha256.is_some() {
        steps.push("must have the fingerprint in `sha256`");
    }
    steps.join(", ")
}

fn verified(vouching: &Vouching, role: &dyn Fn(Slot) -> &'static str) -> String {
    match vouching {
        Vouching::Promise => "by sending it".into(),
        Vouching::Never => "never".into(),
        Vouching::Signals(signals) => {
            let say = |signal: &Signal| format!("{} is {}", role(signal.header), values(&signal.accept));
            signals.iter().map(say).collect::<Vec<_>>().join(", ")
        }
    }
}

fn absent(form: &CertificateForm, vouching: &Vouching, role: &dyn Fn(Slot) -> &'static str) -> String {
    let mut out = String::from("no `cert`");
    for value in form.absent.iter() {
        write!(out, " or `{value}`").unwrap();
    }
    if let Vouching::Signals(signals) = vouching {
        for signal in signals.iter() {
            let role = role(signal.header);
            match signal.without {
                Without::Any => {}
                Without::NotAccepted => write!(out, ", {role} not {}", values(&signal.accept)).unwrap(),
                Without::None => write!(out, ", {role} empty or {}", values(&signal.none)).unwrap(),
            }
        }
    }
    out
}

fn values(texts: &Texts) -> String {
    let spell = |text: &str| if text.is_empty() { "empty".to_owned() } else { format!("`{text}`") };
    texts.iter().map(spell).collect::<Vec<_>>().join(" or ")
}

/// Compares the first table under a heading.
fn check(heading: &str, expected: &str) {
    check_in("codes.md", heading, "| code |", expected);
}

fn check_in(page: &str, heading: &str, first: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, section) = text.split_once(&format!("{heading}\n")).expect(heading);
    let start = section.find(first).expect("a table under the heading");
    let end = section[start..].find("\n\n").map_or(section.len(), |end| start + end + 1);
    if std::env::var_os(BLESS).is_some() {
        let blessed = format!("{before}{heading}\n{}{expected}{}", &section[..start], &section[end..]);
        std::fs::write(&path, blessed).unwrap();
    } else {
        assert!(section[start..end] == *expected, "{heading} of {page} is out of date: set {BLESS}=1");
    }
}
