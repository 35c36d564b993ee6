//! Peergate in Node: fetch bytes, ask core, act.
//!
//! JavaScript writes one request into a [`frame`], calls [`GateHandle::decide`] and reads one
//! [`answer`]. Nothing else crosses the border per request: no string is converted, no object is
//! built, nothing needs to be freed. What a header means is none of this crate's business.

mod answer;
mod exchange;
mod frame;
mod load;
mod parse;

use peergate_core::gate::{ConnectionForm, ConnectionUse};
use peergate_core::{Gate, Request};
use wasm_bindgen::prelude::*;

pub use exchange::{answer_address, frame_address, memory};
pub use parse::{parse_certificate, parse_xfcc};

/// A gate, held by a JavaScript `Gate` for its whole life.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GateHandle {
    gate: Gate,
}

#[wasm_bindgen]
impl GateHandle {
    /// Loads a policy and a source.
    ///
    /// # Errors
    /// Throws a JSON text: the list of load errors.
    #[wasm_bindgen(js_name = fromParts)]
    pub fn from_parts(policy: &[u8], source: Option<Box<[u8]>>) -> Result<GateHandle, JsValue> {
        load::parts(policy, source.as_deref()).map(|gate| Self { gate })
    }

    /// Loads a deployment and the text of the file that its `policy` names, if it names one.
    ///
    /// # Errors
    /// Throws a JSON text: the list of load errors.
    #[wasm_bindgen(js_name = fromDeployment)]
    pub fn from_deployment(text: &[u8], policy: Option<Box<[u8]>>) -> Result<GateHandle, JsValue> {
        load::deployment(text, policy.as_deref()).map(|gate| Self { gate })
    }

    /// Decides on the frame with this number and length. The length of the answer, or zero when
    /// the frame is not exactly that one: JavaScript then refuses the request.
    #[must_use]
    pub fn decide(&self, sequence: u32, length: u32) -> u32 {
        exchange::answer(sequence, length, |frame, answer| {
            let asked = frame::read(frame)?;
            let request = asked.request();
            let decision = if asked.untrusted_peer && self.speaks_for_another(&request) {
                self.gate.refuse_peer()
            } else {
                self.gate.decide(&request)
            };
            answer::write(&self.gate, &request, &decision, answer);
            Some(())
        })
        .unwrap_or(0)
    }

    /// The normalised certificate of the caller whom `decide` saw in the frame with this number and
    /// length, as a JSON text in the place of an answer; its length, or zero when there is none.
    #[must_use]
    pub fn describe(&self, sequence: u32, length: u32) -> u32 {
        exchange::answer(sequence, length, |frame, answer| {
            let asked = frame::read(frame)?;
            let certificate = self.gate.describe(&asked.request())?;
            answer.clear();
            answer.extend_from_slice(certificate.as_bytes());
            Some(())
        })
        .unwrap_or(0)
    }

    /// Answers what a caller gets whom the application refuses, as if a rule had; the length of the
    /// answer.
    #[must_use]
    pub fn forbid(&self) -> u32 {
        let nothing = Request { method: &[], target: &[], headers: &[], connection: None, now: None };
        exchange::reply(|answer| answer::write(&self.gate, &nothing, &self.gate.refuse_peer(), answer))
            .unwrap_or(0)
    }

    /// Whether a header line with this name must stand in the frame.
    #[must_use]
    #[wasm_bindgen(js_name = readsHeader)]
    pub fn reads_header(&self, name: &[u8]) -> bool {
        self.gate.reads_header(name)
    }

    /// How long the names are of which `readsHeader` is true.
    #[must_use]
    #[wasm_bindgen(js_name = headerLengths)]
    pub fn header_lengths(&self) -> Box<[u32]> {
        self.gate.header_lengths().filter_map(|length| u32::try_from(length).ok()).collect()
    }

    /// When the frame must hold the certificate of the TLS connection: 0 never, 1 if this host is the
    /// proxy that met the caller, 2 always.
    #[must_use]
    #[wasm_bindgen(js_name = connectionUse)]
    pub fn connection_use(&self) -> u8 {
        match self.gate.connection_use() {
            ConnectionUse::Never => 0,
            ConnectionUse::IfProxy => 1,
            ConnectionUse::Always => 2,
        }
    }

    /// Whether that must be the whole certificate; otherwise its digest will do.
    #[must_use]
    #[wasm_bindgen(js_name = wholeCertificate)]
    pub fn whole_certificate(&self) -> bool {
        self.gate.connection_form() == ConnectionForm::Certificate
    }

    /// Whether callers are named in header lines.
    #[must_use]
    #[wasm_bindgen(js_name = trustsHeaders)]
    pub fn trusts_headers(&self) -> bool {
        self.gate.trusts_headers()
    }

    /// Whether the frame must hold the time.
    #[must_use]
    #[wasm_bindgen(js_name = readsClock)]
    pub fn reads_clock(&self) -> bool {
        self.gate.reads_clock()
    }

    /// `name` of the policy.
    #[must_use]
    #[wasm_bindgen(js_name = policyName)]
    pub fn policy_name(&self) -> String {
        self.gate.policy_name().to_owned()
    }

    /// SHA-256 of the policy's canonical JSON, 32 bytes.
    #[must_use]
    #[wasm_bindgen(js_name = policySha256)]
    pub fn policy_sha256(&self) -> Box<[u8]> {
        self.gate.policy_sha256().into()
    }

    /// Doubts about the documents, as a JSON text.
    #[must_use]
    pub fn warnings(&self) -> String {
        load::warnings(self.gate.warnings())
    }
}

impl GateHandle {
    fn speaks_for_another(&self, request: &Request<'_>) -> bool {
        request.headers.iter().any(|(name, _)| self.gate.reads_header(name))
    }
}

/// The path that a deployment's `policy` holds in place of an object.
///
/// # Errors
/// Throws a JSON text: the list of load errors.
#[wasm_bindgen(js_name = policyPath)]
pub fn policy_path(deployment: &[u8]) -> Result<Option<String>, JsValue> {
    load::policy_path(deployment)
}

/// The codes that an answer's numbers stand for: reasons, details and kinds of names, each list
/// joined by commas, the lists by semicolons.
#[must_use]
#[wasm_bindgen(js_name = codeTables)]
pub fn code_tables() -> String {
    answer::code_tables()
}
