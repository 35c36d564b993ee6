//! `peergate parse`: one value, by grammar only, or one certificate.

use std::borrow::Cow;
use std::ffi::OsString;

use peergate_core::pem;
use peergate_core::spiffe::SpiffeId;
use peergate_core::x509::Certificate;
use peergate_core::xfcc::text::{Event, Reader};
use peergate_core::xfcc::{Key, XfccError, json};
use serde::Serialize;

use super::stdin;
use crate::args::{ParseCommand, XfccForm};
use crate::output::{Exit, Failure, print_json, print_line};

pub(super) fn run(command: ParseCommand) -> Result<Exit, Failure> {
    match command {
        ParseCommand::Xfcc { value, format } => {
            let value = input(value)?;
            report(match format {
                XfccForm::Text => text_form(&value),
                XfccForm::Json => json_form(&value),
            })
        }
        ParseCommand::Spiffe { value } => report(spiffe(&input(value)?)),
        ParseCommand::Cert => match certificate(&stdin()?) {
            Ok(json) => print_line(&json).map(|()| Exit::Good),
            Err(error) => report_error(error),
        },
    }
}

/// A key in canonical spelling and its value.
type Pair = (&'static str, String);

/// What an XFCC value says.
#[derive(Serialize)]
struct Xfcc {
    /// Absent when the value is empty, which is of both forms.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    elements: Vec<Vec<Pair>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spiffe {
    trust_domain: String,
    path: String,
}

/// Why a value cannot be read: a stable code and the byte at which it shows.
#[derive(Serialize)]
struct Refusal {
    code: &'static str,
    offset: usize,
}

#[derive(Serialize)]
struct ErrorForm {
    error: Refusal,
}

impl From<XfccError> for Refusal {
    fn from(error: XfccError) -> Self {
        Self { code: error.code.code(), offset: error.offset }
    }
}

fn report(read: Result<impl Serialize, Refusal>) -> Result<Exit, Failure> {
    match read {
        Ok(value) => print_json(&value).map(|()| Exit::Good),
        Err(error) => report_error(error),
    }
}

fn report_error(error: Refusal) -> Result<Exit, Failure> {
    print_json(&ErrorForm { error }).map(|()| Exit::Finding)
}

fn text_form(value: &[u8]) -> Result<Xfcc, Refusal> {
    let mut elements = Vec::new();
    let mut element: Vec<Pair> = Vec::new();
    for event in Reader::new(value) {
        match event? {
            // The backslashes in a subject are those of RFC 4514.
            Event::Pair(key @ Key::Subject, value) => element.push((key.as_str(), value.raw.into())),
            Event::Pair(key, value) => element.push((key.as_str(), value.unquoted().into_owned())),
            Event::ElementEnd => elements.push(std::mem::take(&mut element)),
        }
    }
    Ok(Xfcc { format: (!value.is_empty()).then_some("text"), elements })
}

fn json_form(value: &[u8]) -> Result<Xfcc, Refusal> {
    let elements = json::parse(value)?.into_iter().map(pairs).collect();
    Ok(Xfcc { format: (!value.is_empty()).then_some("json"), elements })
}

/// An element of the JSON form as pairs in the order of the text form.
fn pairs(element: json::Element<'_>) -> Vec<Pair> {
    let lists = [
        (Key::By, element.by),
        (Key::Hash, element.hash.into_iter().collect()),
        (Key::Cert, element.cert.into_iter().collect()),
        (Key::Chain, element.chain),
        (Key::Subject, element.subject.into_iter().collect()),
        (Key::Uri, element.uri),
        (Key::Dns, element.dns),
    ];
    let owned = |(key, values): (Key, Vec<Cow<'_, str>>)| {
        values.into_iter().map(move |value| (key.as_str(), value.into_owned())).collect::<Vec<_>>()
    };
    lists.into_iter().flat_map(owned).collect()
}

fn spiffe(value: &[u8]) -> Result<Spiffe, Refusal> {
    let id =
        SpiffeId::parse(value).map_err(|error| Refusal { code: error.code.code(), offset: error.offset })?;
    Ok(Spiffe { trust_domain: id.trust_domain().into(), path: id.path().into() })
}

/// The normalised certificate. DER starts with a sequence's 0x30, which is no byte that PEM starts
/// with; offsets count in the DER.
fn certificate(bytes: &[u8]) -> Result<String, Refusal> {
    let decoded;
    let der = if bytes.first() == Some(&0x30) {
        bytes
    } else {
        decoded = pem::decode(bytes).ok_or(Refusal { code: "bad_pem", offset: 0 })?;
        &decoded
    };
    let certificate = Certificate::from_der(der)
        .map_err(|error| Refusal { code: error.code.code(), offset: error.offset })?;
    Ok(certificate.to_json(None, Some(&pem::encode(der))))
}

/// The value on the command line, or stdin without the newline that `echo` adds.
fn input(value: Option<OsString>) -> Result<Vec<u8>, Failure> {
    match value {
        Some(value) => bytes(value),
        None => {
            let mut bytes = stdin()?;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            Ok(bytes)
        }
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere an argument may have no bytes")]
fn bytes(value: OsString) -> Result<Vec<u8>, Failure> {
    use std::os::unix::ffi::OsStringExt;
    Ok(value.into_vec())
}

#[cfg(not(unix))]
fn bytes(value: OsString) -> Result<Vec<u8>, Failure> {
    value.into_string().map(String::into_bytes).map_err(|_| Failure::new("the value is not Unicode"))
}
