//! Callers that are known again. A proxy writes the same header value for a caller each time, and what
//! the value says of its caller depends on nothing else: so that is kept, and the next request with the
//! same bytes begins where reading and authentication are done. Only callers who were authenticated are
//! kept; what depends on the request is checked each time.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use core::ops::Range;

use super::{Gate, authenticate};
use crate::credential::Credential;
use crate::decision::{Decision, Identity, IdentityType};
use crate::kept::Kept;
use crate::limits::{KNOWN_CALLER_BYTES, KNOWN_CALLERS};
use crate::policy::bits::Bits;
use crate::policy::decide::Caller;
use crate::policy::matching::Facts;
use crate::request::Request;
use crate::source::envoy::{self, Around, Envoy};
use crate::target::Target;
use crate::trace::Trace;

/// By header values.
pub(super) type KnownCallers = Kept<Arc<Known>, KNOWN_CALLERS, KNOWN_CALLER_BYTES>;

/// What a header value says of its caller, who is authenticated by it.
#[derive(Debug)]
pub(super) struct Known {
    verified: bool,
    sha256: Option<[u8; 32]>,
    /// The hash in the last element.
    last_hash: [u8; 32],
    /// Where in the value the caller's name stands.
    name: Option<(IdentityType, Range<usize>)>,
    /// The rules whose `from` holds.
    rules: Bits,
}

impl Gate {
    /// Decides on a header in the text form.
    pub(super) fn decide_again<'g, 'r, T: Trace>(
        &'g self,
        envoy: &Envoy,
        value: &'r [u8],
        request: &Request<'r>,
        target: Target<'_>,
        around: Around<'_>,
        trace: &mut T,
    ) -> Decision<'g, 'r> {
        // Who watches wants to see it read.
        if T::WATCHES {
            let caller = envoy.read_text(value, around, trace);
            return self.conclude_envoy(request, target, &caller, trace);
        }
        if let Some(known) = self.known.find(value) {
            return match envoy.check_connection(&known.last_hash, around.connection) {
                Ok(()) => self.decide_known(&known, value, request, target),
                Err(refusal) => self.refuse(refusal, None),
            };
        }
        let caller = envoy.read_text(value, around, trace);
        let Some(known) = self.known(value, &caller) else {
            return self.conclude_envoy(request, target, &caller, trace);
        };
        let decision = self.decide_known(&known, value, request, target);
        self.known.keep(value, Arc::new(known));
        decision
    }

    /// What to keep of a caller; `None` where the caller is not authenticated by the value alone.
    fn known(
        &self,
        value: &[u8],
        caller: &Result<envoy::Caller<'_>, crate::source::Refusal>,
    ) -> Option<Known> {
        let Ok(envoy::Caller::Fields(credential, last_hash)) = caller else { return None };
        // A window would have to be looked at each time.
        if value.len() > KNOWN_CALLER_BYTES || credential.window.is_some() {
            return None;
        }
        let spiffe =
            authenticate::check(credential, &self.source, self.trust_domains.as_deref(), None).ok()?;
        let rules = self.policy.rules_for(&Facts { credential, spiffe: spiffe.as_deref() });
        let name = match authenticate::identity(credential, spiffe) {
            Some(identity) => Some((identity.kind, place(&identity.name, value)?)),
            None => None,
        };
        let Credential { verified, sha256, .. } = *credential;
        Some(Known { verified, sha256, last_hash: *last_hash, name, rules })
    }

    fn decide_known<'g, 'r>(
        &'g self,
        known: &Known,
        value: &'r [u8],
        request: &Request<'_>,
        target: Target<'_>,
    ) -> Decision<'g, 'r> {
        let rulings = self.policy.rule(request.method, target, Caller::Rules(&known.rules), &mut ());
        let name = |at: &Range<usize>| core::str::from_utf8(value.get(at.clone()).unwrap_or_default());
        Decision {
            verified: Some(known.verified),
            sha256: known.sha256,
            identity: known.name.as_ref().map(|(kind, at)| Identity {
                kind: *kind,
                // What was a name in the same bytes still is one.
                name: Cow::Borrowed(name(at).unwrap_or_default()),
            }),
            ..self.decision(rulings.enforced, rulings.with_shadow)
        }
    }
}

/// Where a name stands in the value that it was read from; `None` for one that had to be decoded.
fn place(name: &str, value: &[u8]) -> Option<Range<usize>> {
    let start = name.as_ptr().addr().checked_sub(value.as_ptr().addr())?;
    let place = start..start.checked_add(name.len())?;
    (value.get(place.clone())? == name.as_bytes()).then_some(place)
}
