//! From a request to a decision: the target is checked, the source read, the caller authenticated, the
//! rules applied.

use alloc::borrow::Cow;

use super::source::Reader;
use super::watch::{FROM_CERTIFICATE, FROM_HEADER, Origin, watch};
use super::{Gate, PROMISED, authenticate};
use crate::credential::Credential;
use crate::decision::{Decision, Identity, Shadow};
use crate::limits::SOURCE_HEADERS;
use crate::policy::decide::{Caller, Ruling, verdict};
use crate::policy::matching::Facts;
use crate::reason::Reason;
use crate::request::Request;
use crate::source::document::XfccFormat;
use crate::source::envoy::{self, Around, Envoy};
use crate::source::form::Form;
use crate::source::lines::{self, Value};
use crate::source::{Refusal, connection, forwarded};
use crate::target;
use crate::trace::Trace;
use crate::xfcc::json;

impl Gate {
    /// Decides. Never fails and never panics: what cannot be read is refused.
    pub fn decide<'g, 'r>(&'g self, request: &Request<'r>) -> Decision<'g, 'r> {
        self.decide_traced(request, &mut ())
    }

    /// The same decision, watched.
    pub fn decide_traced<'g, 'r, T: Trace>(
        &'g self,
        request: &Request<'r>,
        trace: &mut T,
    ) -> Decision<'g, 'r> {
        let target = match self.checked(request.method, request.target) {
            Ok(target) => target,
            Err(refusal) => return self.refuse(refusal),
        };
        match &self.source.reader {
            Reader::Connection => self.decide_connection(request, target, trace),
            Reader::Envoy(envoy) => self.decide_envoy(envoy, request, target, trace),
            Reader::Headers(form) => self.decide_headers(form, request, target, trace),
        }
    }

    pub(super) fn checked<'t>(&self, method: &[u8], target: &'t [u8]) -> Result<target::Target<'t>, Refusal> {
        let refusal = |detail| Refusal { reason: Reason::AmbiguousRequest, detail: Some(detail) };
        target::check(method, target, self.target).map_err(refusal)
    }

    fn decide_connection<'g, 'r, T: Trace>(
        &'g self,
        request: &Request<'r>,
        target: target::Target<'_>,
        trace: &mut T,
    ) -> Decision<'g, 'r> {
        let source = &self.source;
        let Some(peer) = &request.connection else {
            return self.conclude(request, target, None, FROM_CERTIFICATE, trace);
        };
        match connection::read(peer, &source.certificates) {
            Err(refusal) => self.refuse(refusal),
            Ok(caller) => {
                let credential = caller.credential(source.is_verified(peer));
                own(self.conclude(request, target, Some(&credential), FROM_CERTIFICATE, trace))
            }
        }
    }

    fn decide_envoy<'g, 'r, T: Trace>(
        &'g self,
        envoy: &Envoy,
        request: &Request<'r>,
        target: target::Target<'_>,
        trace: &mut T,
    ) -> Decision<'g, 'r> {
        let source = &self.source;
        let around = Around { connection: request.connection, certificates: &source.certificates };
        let mut values = [Value::Absent];
        if let Err(refusal) = lines::collect(&source.watched, request.headers, source.max_bytes, &mut values)
        {
            return self.refuse(refusal);
        }
        let [value] = &values;
        match (envoy.format, value) {
            (_, Value::Absent | Value::Empty) => self.conclude(request, target, None, FROM_HEADER, trace),
            (XfccFormat::Text, Value::One(value)) => {
                self.decide_again(envoy, value, request, target, around, trace)
            }
            (XfccFormat::Text, Value::Joined(value)) => {
                let caller = envoy.read_text(value, around, trace);
                own(self.conclude_envoy(request, target, &caller, trace))
            }
            (XfccFormat::Json, value) => {
                let elements = match json::parse(value.bytes().unwrap_or_default()) {
                    Ok(elements) => elements,
                    Err(error) => return self.refuse(Refusal::malformed(error.code)),
                };
                let caller = envoy.read_json(&elements, around, trace);
                own(self.conclude_envoy(request, target, &caller, trace))
            }
        }
    }

    pub(super) fn conclude_envoy<'g, 'c, T: Trace>(
        &'g self,
        request: &Request<'_>,
        target: target::Target<'_>,
        caller: &Result<envoy::Caller<'c>, Refusal>,
        trace: &mut T,
    ) -> Decision<'g, 'c> {
        match caller {
            Err(refusal) => self.refuse(*refusal),
            Ok(envoy::Caller::None) => self.conclude(request, target, None, FROM_HEADER, trace),
            Ok(envoy::Caller::Fields(credential, _)) => {
                self.conclude(request, target, Some(credential), FROM_HEADER, trace)
            }
            Ok(envoy::Caller::Certificate(known, _)) => {
                let credential = known.credential(PROMISED);
                own(self.conclude(request, target, Some(&credential), FROM_CERTIFICATE, trace))
            }
        }
    }

    fn decide_headers<'g, 'r, T: Trace>(
        &'g self,
        form: &Form,
        request: &Request<'r>,
        target: target::Target<'_>,
        trace: &mut T,
    ) -> Decision<'g, 'r> {
        let source = &self.source;
        let mut values = [const { Value::Absent }; SOURCE_HEADERS];
        let read = lines::collect(&source.watched, request.headers, source.max_bytes, &mut values)
            .and_then(|()| forwarded::read(form, source.needs, &values, &source.certificates));
        match read {
            Err(refusal) => self.refuse(refusal),
            Ok(None) => self.conclude(request, target, None, FROM_HEADER, trace),
            Ok(Some(presented)) => {
                let origin = if presented.is_certificate() { FROM_CERTIFICATE } else { FROM_HEADER };
                own(self.conclude(request, target, Some(&presented.credential()), origin, trace))
            }
        }
    }

    /// Steps 3 and 4: is the caller who the certificate says, and may the caller do this?
    pub(super) fn conclude<'g, 'c, T: Trace>(
        &'g self,
        request: &Request<'_>,
        target: target::Target<'_>,
        caller: Option<&Credential<'c>>,
        origin: Origin,
        trace: &mut T,
    ) -> Decision<'g, 'c> {
        let Some(credential) = caller else {
            let rulings = self.policy.rule(request.method, target, Caller::Nobody, trace);
            return self.decision(rulings.enforced, rulings.with_shadow);
        };
        if T::WATCHES {
            watch(credential, origin, trace);
        }
        let domains = self.trust_domains.as_deref();
        let spiffe = match authenticate::check(credential, &self.source, domains, request.now) {
            Ok(spiffe) => spiffe,
            Err(refusal) => {
                let Credential { verified, sha256, .. } = credential;
                let sha256 = sha256.clone();
                return Decision { verified: Some(*verified), sha256, ..self.refuse(refusal) };
            }
        };
        let facts = Facts { credential, spiffe: spiffe.as_deref() };
        let rulings = self.policy.rule(request.method, target, Caller::Facts(&facts), trace);
        Decision {
            verified: Some(credential.verified),
            sha256: credential.sha256.clone(),
            not_after: credential.window.map(|(_, last)| last),
            identity: authenticate::identity(credential, spiffe),
            ..self.decision(rulings.enforced, rulings.with_shadow)
        }
    }

    /// A refusal before the rules.
    pub(super) fn refuse<'g, 'c>(&'g self, refusal: Refusal) -> Decision<'g, 'c> {
        let ruling = Ruling { reason: refusal.reason, rule: None };
        let mut decision = self.decision(ruling, ruling);
        if !self.policy.is_shadow() {
            decision.detail = refusal.detail;
        }
        if let Some(shadow) = &mut decision.shadow {
            shadow.detail = refusal.detail;
        }
        decision
    }

    pub(super) fn decision<'g, 'c>(
        &'g self,
        enforced: Ruling<'g>,
        with_shadow: Ruling<'g>,
    ) -> Decision<'g, 'c> {
        let shadow = self.policy.has_shadow().then(|| Shadow {
            verdict: verdict(with_shadow.reason, self.responses),
            reason: with_shadow.reason,
            detail: None,
            rule: with_shadow.rule,
        });
        let ruling = match self.policy.is_shadow() {
            true => Ruling { reason: Reason::ShadowMode, rule: None },
            false => enforced,
        };
        Decision {
            verdict: verdict(ruling.reason, self.responses),
            reason: ruling.reason,
            detail: None,
            rule: ruling.rule,
            identity: None,
            verified: None,
            sha256: None,
            not_after: None,
            shadow,
        }
    }
}

/// A decision that no longer borrows from what was decoded on the way.
fn own<'g, 'r>(decision: Decision<'g, '_>) -> Decision<'g, 'r> {
    let identity = decision
        .identity
        .map(|identity| Identity { kind: identity.kind, name: Cow::Owned(identity.name.into_owned()) });
    let Decision { verdict, reason, detail, rule, verified, sha256, not_after, shadow, identity: _ } =
        decision;
    Decision { verdict, reason, detail, rule, identity, verified, sha256, not_after, shadow }
}
