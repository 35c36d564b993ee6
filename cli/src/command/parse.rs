//! `peergate parse`: one value, by grammar only, or one certificate.

use std::ffi::OsString;

use peergate_core::spiffe::SpiffeId;
use peergate_core::x509::{self, ReadError};
use peergate_core::xfcc::{self, Form, XfccError};
use serde::Serialize;

use super::stdin;
use crate::args::{ParseCommand, XfccForm};
use crate::output::{Exit, Failure, print_json, print_line};

pub(super) fn run(command: ParseCommand) -> Result<Exit, Failure> {
    match command {
        ParseCommand::Xfcc { value, format } => {
            let value = input(value)?;
            let form = match format {
                XfccForm::Text => Form::Text,
                XfccForm::Json => Form::Json,
            };
            report_text(xfcc::to_json(&value, form).map_err(Refusal::from))
        }
        ParseCommand::Spiffe { value } => report(spiffe(&input(value)?)),
        ParseCommand::Cert => report_text(x509::normalised(&stdin()?).map_err(Refusal::from)),
    }
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

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        Self { code: error.code, offset: error.offset }
    }
}

/// Prints what core has already written as JSON.
fn report_text(read: Result<String, Refusal>) -> Result<Exit, Failure> {
    match read {
        Ok(json) => print_line(&json).map(|()| Exit::Good),
        Err(error) => report_error(error),
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

fn spiffe(value: &[u8]) -> Result<Spiffe, Refusal> {
    let id =
        SpiffeId::parse(value).map_err(|error| Refusal { code: error.code.code(), offset: error.offset })?;
    Ok(Spiffe { trust_domain: id.trust_domain().into(), path: id.path().into() })
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
