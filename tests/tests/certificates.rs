//! An independent reader for every certificate of the fixtures that core reads: Node, which is OpenSSL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on panics"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use peergate_core::pem;
use peergate_core::x509::Certificate;
use serde_json::Value;

/// Certificates with one byte changed.
const CHANGES: usize = 20_000;

/// Everything in the fixtures that may be a certificate, with a file in which it is.
fn candidates() -> BTreeMap<Vec<u8>, String> {
    let mut out = BTreeMap::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"), &mut out);
    out
}

fn collect(path: &Path, out: &mut BTreeMap<Vec<u8>, String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), out);
        }
        return;
    }
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("pem") => in_text(&text, &name, out),
        Some("json") => in_json(&serde_json::from_str(&text).unwrap(), &name, out),
        _ => {}
    }
}

fn in_json(value: &Value, name: &str, out: &mut BTreeMap<Vec<u8>, String>) {
    match value {
        Value::String(text) => in_text(text, name, out),
        Value::Array(all) => all.iter().for_each(|value| in_json(value, name, out)),
        Value::Object(all) => {
            all.values().for_each(|value| in_json(value, name, out));
            // Bytes that are no text.
            if let Some(bytes) = all.get("base64").and_then(Value::as_str)
                && let Ok(bytes) = BASE64_STANDARD.decode(bytes)
            {
                in_text(&String::from_utf8_lossy(&bytes), name, out);
            }
        }
        _ => {}
    }
}

/// PEM, escaped or not, with any white space, and base64 of DER by itself.
fn in_text(text: &str, name: &str, out: &mut BTreeMap<Vec<u8>, String>) {
    let text = unescaped(text);
    let bare: String =
        text.replace("-----BEGIN CERTIFICATE-----", "|").replace("-----END CERTIFICATE-----", "|");
    let bare: String = bare.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let is_base64 = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=');
    for run in bare.split(|letter| !is_base64(letter)).filter(|run| run.starts_with("MI")) {
        if let Ok(der) = BASE64_STANDARD.decode(run) {
            out.entry(der).or_insert_with(|| name.to_owned());
        }
    }
}

/// Escapes decoded where they are some.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(u8::is_ascii).zip(part.get(2..)) {
            Some((byte, rest)) => {
                out.push(char::from(byte));
                out.push_str(rest);
            }
            None => out.push_str(part),
        }
    }
    out
}

/// One question for Node; `None` where core reads no certificate.
fn question(der: &[u8], name: &str, changed: bool) -> Option<String> {
    let certificate = Certificate::from_der(der).ok()?;
    let mut question: Value =
        serde_json::from_str(&certificate.to_json(None, Some(&pem::encode(der)))).unwrap();
    question["isCa"] = certificate.is_ca.into();
    question["otherNames"] = certificate.other_alt_names.into();
    question["changed"] = changed.into();
    question["where"] = format!("{name}, {}", certificate.subject.as_str()).into();
    Some(format!("{question}\n"))
}

/// Where Node differs, one line each.
fn differences(questions: String) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/certificates.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is needed");
    let mut input = node.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = node.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn node_reads_every_certificate_as_core_does() {
    let candidates = candidates();
    let questions: Vec<_> = candidates.iter().filter_map(|(der, name)| question(der, name, false)).collect();
    println!("{} certificates, of which core reads {}", candidates.len(), questions.len());
    assert!(questions.len() > 60, "only {}", questions.len());
    let differences = differences(questions.concat());
    assert!(differences.is_empty(), "{differences}");
}

/// Where Node reads a certificate that core reads, changed as it may be, it reads the same; what Node
/// is stricter about stands in the script.
#[test]
fn node_reads_certificates_with_a_changed_byte_as_core_does() {
    // A fixed seed: the same bytes on every run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1_000_003).unwrap() % below
    };
    let good: Vec<_> =
        candidates().into_iter().filter(|(der, _)| Certificate::from_der(der).is_ok()).collect();
    let mut questions = String::new();
    let mut read = 0;
    for round in 0..CHANGES {
        let (der, name) = &good[round % good.len()];
        let mut der = der.clone();
        let at = next(der.len());
        der[at] = next(256).try_into().unwrap();
        if let Some(question) = question(&der, &format!("{name}, byte {at}"), true) {
            questions.push_str(&question);
            read += 1;
        }
    }
    println!("{CHANGES} changed certificates, of which core reads {read}");
    let differences = differences(questions);
    assert!(differences.is_empty(), "{differences}");
}
