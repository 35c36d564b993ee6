//! Core itself, natively: the answer that every other implementation is compared with.

use std::time::{SystemTime, UNIX_EPOCH};

use peergate_cli::fixture::{self, Case, Outcome, RefusedCase, Texts};
use peergate_core::Gate;

use crate::{Answer, Implementation};

/// Core.
#[derive(Debug, Default)]
pub struct Native;

impl Implementation for Native {
    fn name(&self) -> &'static str {
        "core"
    }

    fn decide(&mut self, case: &Case) -> anyhow::Result<Answer> {
        Ok(Answer::Outcome(outcome(case)))
    }

    fn refuse(&mut self, case: &RefusedCase) -> anyhow::Result<Answer> {
        Ok(Answer::Outcome(refusal(case)))
    }
}

/// Core's whole answer to a case. It is asked twice, since it knows a caller who comes again by what it
/// kept, and a third time for the caller whom it recognised in the request; answers that differ are no answer.
#[must_use]
pub fn outcome(case: &Case) -> Outcome {
    let gate = match fixture::load_gate(&case.documents) {
        Ok(gate) => gate,
        Err(errors) => return Outcome::refused(&errors),
    };
    let now = case.now.unwrap_or_else(now);
    let [first, again] = [(); 2].map(|()| fixture::run_on(&gate, &case.request, now));
    if first.to_value() != again.to_value() {
        let both = format!("first {}, then {}", first.to_value(), again.to_value());
        return Outcome::Decided { decision: both.into(), upstream: None };
    }
    match as_recognised(&gate, case, now) {
        Err(difference) => Outcome::Decided { decision: difference.into(), upstream: None },
        Ok(()) => first,
    }
}

/// Whether the caller whom the gate recognises in a request gets the decision that the request gets, and
/// whether it recognises everybody who is authenticated.
fn as_recognised(gate: &Gate, case: &Case, now: i64) -> Result<(), String> {
    case.request.with(Some(now), |request| {
        let decision = gate.decide(request);
        match gate.recognise(request) {
            None if decision.identity.is_some() => Err(format!("not recognised, but {decision:?}")),
            None => Ok(()),
            Some(caller) => {
                let same = gate.decide_as(&caller, request.method, request.target, request.now);
                (same == decision).then_some(()).ok_or_else(|| format!("first {decision:?}, then {same:?}"))
            }
        }
    })
}

/// Core's answer to documents that must be refused. Documents that it takes give an answer, too, so
/// that the comparison can say that they were taken.
#[must_use]
pub fn refusal(case: &RefusedCase) -> Outcome {
    loaded(&case.documents)
}

/// The same for documents that are put into one deployment.
#[must_use]
pub fn refusal_as_deployment(case: &RefusedCase) -> Outcome {
    loaded(&Texts::Deployment { text: case.documents.as_deployment(), policy: None })
}

/// What stands for an answer when documents were taken that should have been refused.
#[must_use]
pub fn taken() -> Outcome {
    Outcome::Decided { decision: "the documents were taken".into(), upstream: None }
}

fn loaded(documents: &Texts) -> Outcome {
    match fixture::load_gate(documents) {
        Err(errors) => Outcome::refused(&errors),
        Ok(_) => taken(),
    }
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_secs());
    since.ok().and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0)
}
