//! Loading documents, and saying in JSON what is wrong with them.

use peergate_core::limits::HostLimits;
use peergate_core::load::{LoadError, LoadErrors};
use peergate_core::{Documents, Gate, Warning};
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
    list(warnings, Warning::write_json)
}

fn load(documents: Documents<'_>) -> Result<Gate, JsValue> {
    Gate::load(documents, HostLimits::NATIVE).map_err(|errors| refused(&errors))
}

fn refused(errors: &LoadErrors) -> JsValue {
    JsValue::from_str(&list(errors, LoadError::write_json))
}

/// A JSON array.
fn list<T>(entries: &[T], write: fn(&T, &mut String)) -> String {
    let mut out = String::from("[");
    for (at, entry) in entries.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(entry, &mut out);
    }
    out.push(']');
    out
}
