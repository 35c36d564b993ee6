//! Loading documents, and saying in JSON what is wrong with them.

use peergate_core::limits::HostLimits;
use peergate_core::load::{LoadErrors, Place};
use peergate_core::{Documents, Gate, Warning};
use serde_json::{Value, json};
use wasm_bindgen::JsValue;

/// A policy and a source.
pub(crate) fn parts(policy: &[u8], source: Option<&[u8]>) -> Result<Gate, JsValue> {
    load(Documents::Parts { policy, source })
}

/// A deployment and the policy that it names.
pub(crate) fn deployment(text: &[u8], policy: Option<&[u8]>) -> Result<Gate, JsValue> {
    load(Documents::Deployment { text, policy })
}

/// The path in a deployment's `policy`.
pub(crate) fn policy_path(deployment: &[u8]) -> Result<Option<String>, JsValue> {
    peergate_core::gate::policy_path(deployment).map_err(|errors| refused(&errors))
}

/// Doubts about documents that were taken.
pub(crate) fn warnings(warnings: &[Warning]) -> String {
    let list = warnings
        .iter()
        .map(|warning| entry(warning.code.code(), warning.code.message(), &warning.place, warning.hint));
    Value::Array(list.collect()).to_string()
}

fn load(documents: Documents<'_>) -> Result<Gate, JsValue> {
    Gate::load(documents, HostLimits::NATIVE).map_err(|errors| refused(&errors))
}

fn refused(errors: &LoadErrors) -> JsValue {
    let list =
        errors.iter().map(|error| entry(error.code.code(), error.code.message(), &error.place, error.hint));
    JsValue::from_str(&Value::Array(list.collect()).to_string())
}

fn entry(code: &str, message: &str, place: &Place, hint: &str) -> Value {
    json!({
        "code": code,
        "message": message,
        "pointer": place.full_pointer(),
        "line": place.line,
        "column": place.column,
        "hint": hint,
    })
}
