//! Peergate in Node: fetch bytes, ask core, act.
//!
//! JavaScript writes one request into a [`frame`], calls [`GateHandle::decide`] and reads one
//! [`answer`]; of callers who come again ([`returning`]) it writes less, and hardly ever reads an answer.
//! Nothing else crosses the border per request: no string is converted, no object is built, nothing needs
//! to be freed. What a header means is none of this crate's business.

mod answer;
mod exchange;
mod frame;
mod load;
mod parse;
mod returning;

use peergate_core::gate::{ConnectionForm, ConnectionUse};
use peergate_core::{Decision, Gate};
use wasm_bindgen::prelude::*;

use frame::Asked;
use returning::{Known, Returning};

pub use exchange::{answer_address, frame_address, memory};
pub use parse::{parse_certificate, parse_xfcc};

/// The fourth bit of what [`GateHandle::again`] says.
const NEW_ANSWER: u32 = 8;

/// A gate, held by a JavaScript `Gate` for its whole life.
#[wasm_bindgen]
#[derive(Debug)]
pub struct GateHandle {
    gate: Gate,
    returning: Returning,
}

#[wasm_bindgen]
impl GateHandle {
    /// Loads a policy and a source.
    ///
    /// # Errors
    /// Throws a JSON text: the list of load errors.
    #[wasm_bindgen(js_name = fromParts)]
    pub fn from_parts(policy: &[u8], source: Option<Box<[u8]>>) -> Result<GateHandle, JsValue> {
        load::parts(policy, source.as_deref()).map(Self::of)
    }

    /// Loads a deployment and the text of the file that its `policy` names, if it names one.
    ///
    /// # Errors
    /// Throws a JSON text: the list of load errors.
    #[wasm_bindgen(js_name = fromDeployment)]
    pub fn from_deployment(text: &[u8], policy: Option<Box<[u8]>>) -> Result<GateHandle, JsValue> {
        load::deployment(text, policy.as_deref()).map(Self::of)
    }

    /// Decides on the frame with this number and length. The length of the answer, or zero when
    /// the frame is not exactly that one: JavaScript then refuses the request.
    #[must_use]
    pub fn decide(&self, sequence: u32, length: u32) -> u32 {
        exchange::answer(sequence, length, |frame, answer| {
            let asked = frame::read(frame)?;
            answer::write(&self.gate, &asked.headers, &decide(&self.gate, &asked), answer);
            length_of(answer)
        })
        .unwrap_or(0)
    }

    /// Keeps what this frame says of a caller, for [`GateHandle::again`]: its lines, its connection and its
    /// flags. Zero when it is not kept, or the frame is not exactly that one.
    #[must_use]
    pub fn keep(&self, sequence: u32, length: u32, place: u32, key: u32) -> u32 {
        exchange::answer(sequence, length, |frame, _| {
            self.returning.keep(&self.gate, frame, place, key)?;
            Some(1)
        })
        .unwrap_or(0)
    }

    /// Decides on another request of a caller who was kept. The frame has its number, the method and the
    /// target; `now` is no number when the time is not known.
    ///
    /// Zero when nobody is kept in this place under this key, or the frame is not exactly that one: JavaScript
    /// then asks about the whole request. Else the lowest three bits say which of the caller's answers it is,
    /// counted from 1, and 0 that it is not kept. The fourth bit is set when it is a new one. Above these is
    /// the length of an answer that is new or not kept.
    #[must_use]
    pub fn again(&self, sequence: u32, place: u32, key: u32, method: u32, target: u32, now: f64) -> u32 {
        let length = method.saturating_add(target).saturating_add(exchange::NUMBER_BYTES);
        exchange::answer(sequence, length, |frame, answer| {
            let (_, text) = frame.split_first_chunk::<{ exchange::NUMBER_BYTES as usize }>()?;
            let (method, target) = text.split_at_checked(method as usize)?;
            #[expect(clippy::cast_possible_truncation, reason = "JavaScript has whole seconds")]
            let now = (!now.is_nan()).then_some(now as i64);
            let known = self.returning.decide(&self.gate, (place, key), (method, target, now), answer)?;
            let place = match known {
                Known::Same(place) => return u32::try_from(place).ok()?.checked_add(1),
                Known::New(place) => u32::try_from(place).ok()?.checked_add(1)? | NEW_ANSWER,
                Known::Long => 0,
            };
            Some(length_of(answer)?.checked_mul(16)? | place)
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
            length_of(answer)
        })
        .unwrap_or(0)
    }

    /// Answers what a caller gets whom the application refuses, as if a rule had; the length of the
    /// answer.
    #[must_use]
    pub fn forbid(&self) -> u32 {
        exchange::reply(|answer| answer::write(&self.gate, &[], &self.gate.refuse_peer(), answer))
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
    fn of(gate: Gate) -> Self {
        Self { gate, returning: Returning::default() }
    }
}

/// Decides, with what the host thinks of the peer that sent it.
fn decide<'g, 'a>(gate: &'g Gate, asked: &'a Asked<'_>) -> Decision<'g, 'a> {
    let speaks_for_another = || asked.headers.iter().any(|(name, _)| gate.reads_header(name));
    if asked.untrusted_peer && speaks_for_another() {
        gate.refuse_peer()
    } else {
        gate.decide(&asked.request())
    }
}

fn length_of(answer: &[u8]) -> Option<u32> {
    u32::try_from(answer.len()).ok()
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
