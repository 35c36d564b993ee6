//! What must come of a request.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::attacks::HONEST;
use super::certificates::{API, Certificates, MALLORY, OLD, PARTNER, WEB};
use super::{Outcome, Question};

/// What must come of a request.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// The service decides: fields of its decision. Its status is the answer's.
    Decided(Value),
    /// The proxy answers itself with this status, or refuses the handshake.
    Unseen(Option<u16>),
}

/// A caller who is let in by a rule.
pub(crate) fn allowed(identity: Option<&str>, rule: &str) -> Expect {
    Expect::Decided(json!({
        "decision": "allow", "reason": "allowed", "rule": rule, "identity": identity, "status": null
    }))
}

/// A caller who is known and refused.
pub(crate) fn denied(identity: Option<&str>, status: u16, reason: &str) -> Expect {
    Expect::Decided(json!({ "decision": "deny", "reason": reason, "identity": identity, "status": status }))
}

/// A request that says two things at once, or a certificate that does not count.
pub(crate) fn refused(reason: &str, detail: Option<&str>) -> Expect {
    Expect::Decided(json!({
        "decision": "deny", "reason": reason, "detail": detail, "rule": null, "identity": null, "status": 403
    }))
}

impl Expect {
    /// What comes of a request behind whatever proxy, unless it is an exception.
    pub(crate) fn usual(question: &Question) -> Result<Self> {
        Ok(match (question.caller, question.path) {
            (None, "/healthz") => allowed(None, "health"),
            (None, _) => denied(None, 401, "no_certificate"),
            (Some("api"), "/v1/orders") => allowed(Some(API), "orders-read"),
            (Some("web"), "/whoami") => allowed(Some(WEB), "whoami"),
            (Some("web"), _) => denied(Some(WEB), 403, "no_rule"),
            (Some("partner"), "/whoami") => allowed(Some(PARTNER), "whoami"),
            (Some("partner"), _) => denied(Some(PARTNER), 403, "no_rule"),
            (Some("old"), _) => denied(Some(OLD), 403, "denied_by_rule"),
            (Some("bad-subject"), _) => denied(Some(MALLORY), 403, "no_rule"),
            (
                Some(
                    "bad-two-uris" | "bad-comma" | "bad-semicolon" | "bad-borrowed" | "bad-quote"
                    | "bad-line-feed",
                ),
                _,
            ) => refused("ambiguous_identity", None),
            (Some("bad-expired" | "bad-not-yet-valid" | "bad-foreign-ca"), _) => Self::Unseen(None),
            (Some(other), path) => return Err(anyhow::anyhow!("nothing is known of {other} at {path}")),
        })
    }

    /// Compares.
    pub(crate) fn check(
        &self,
        question: &Question,
        outcome: &Outcome,
        certificates: &Certificates,
    ) -> Result<()> {
        let seen = outcome.seen.as_ref();
        let fields = match self {
            Self::Unseen(status) => {
                ensure!(
                    seen.is_none(),
                    "the service saw it, and answered {:?}",
                    seen.map(|seen| &seen.decision)
                );
                ensure!(outcome.status == *status, "the proxy answers {:?}, not {status:?}", outcome.status);
                return Ok(());
            }
            Self::Decided(fields) => fields,
        };
        let seen =
            seen.with_context(|| format!("the service did not see it; status {:?}", outcome.status))?;
        for (key, expected) in fields.as_object().context("no fields")? {
            ensure!(seen.field(key) == expected, "{key} is not {expected}: {}", seen.decision);
        }
        let status = seen.field("status").as_u64().unwrap_or(200);
        ensure!(
            outcome.status.map(u64::from) == Some(status),
            "answered {:?}: {}",
            outcome.status,
            seen.decision
        );
        // The certificate is the caller's own; where a header was believed, that of whom it names.
        let owner = match fields.get("identity").and_then(Value::as_str) {
            Some(API) if question.attack.name != HONEST.name => {
                [question.caller, Some("api")].into_iter().flatten().collect()
            }
            _ => Vec::from_iter(question.caller),
        };
        if !owner.is_empty() && seen.field("verified").as_bool() == Some(true) {
            let owns = |name: &&str| {
                certificates.get(name).is_ok_and(|own| seen.field("sha256").as_str() == Some(&own.sha256))
            };
            ensure!(owner.iter().any(owns), "another certificate: {}", seen.decision);
        }
        check_identity_header(seen)
    }
}

/// The application gets the identity header from the middleware and from nobody else.
fn check_identity_header(seen: &super::Seen) -> Result<()> {
    let Some(lines) = seen.identity_lines() else { return Ok(()) };
    let expected: Vec<String> = match (seen.field("identityType").as_str(), seen.field("identity").as_str()) {
        (Some("spiffe"), Some(identity)) => vec![format!("URI:{identity}")],
        (Some("dns"), Some(identity)) => vec![format!("DNS:{identity}")],
        _ => Vec::new(),
    };
    ensure!(lines == expected, "the application reads {lines:?} as identity, not {expected:?}");
    Ok(())
}
