//! One value by its grammar, or one certificate: core's JSON, or its fault.

use peergate_core::x509;
use peergate_core::xfcc::{self, Form};
use wasm_bindgen::prelude::*;

/// The elements of a header value, as `peergate parse xfcc` prints them.
///
/// # Errors
/// Throws a JSON text: `code` and `offset`.
#[wasm_bindgen(js_name = parseXfcc)]
pub fn parse_xfcc(value: &[u8], json: bool) -> Result<String, JsValue> {
    let form = if json { Form::Json } else { Form::Text };
    xfcc::to_json(value, form).map_err(|error| fault(error.code.code(), error.offset))
}

/// The normalised certificate of PEM or DER, as `peergate parse cert` prints it.
///
/// # Errors
/// Throws a JSON text: `code` and `offset`.
#[wasm_bindgen(js_name = parseCertificate)]
pub fn parse_certificate(bytes: &[u8]) -> Result<String, JsValue> {
    x509::normalised(bytes).map_err(|error| fault(error.code, error.offset))
}

fn fault(code: &str, offset: usize) -> JsValue {
    JsValue::from_str(&format!(r#"{{"code":"{code}","offset":{offset}}}"#))
}
