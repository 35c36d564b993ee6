//! Callers that are known again. A proxy writes the same header value for a caller each time, and what
//! the value says of its caller depends on nothing else: so that is kept, and the next request with the
//! same bytes begins where reading and authentication are done. Only callers who were authenticated are
//! kept; what depends on the request, the time among it, is checked each time.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ops::Range;

use super::{Gate, PROMISED, authenticate};
use crate::credential::Credential;
use crate::decision::{Decision, Identity, IdentityType};
use crate::fingerprint::Fingerprint;
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
    sha256: Option<Fingerprint>,
    window: Option<(i64, i64)>,
    /// The hash in the last element.
    last_hash: [u8; 32],
    name: Option<(IdentityType, Name)>,
    /// The rules whose `from` holds.
    rules: Bits,
}

/// The caller of a request, read and authenticated: for hosts that know the same header lines and the same
/// connection again ([`Gate::recognise`]).
#[derive(Debug)]
pub struct Recognised {
    known: Known,
    name: Option<(IdentityType, Box<str>)>,
}

/// The caller's name.
#[derive(Debug)]
enum Name {
    /// Stands here in the value.
    At(Range<usize>),
    /// Was decoded.
    Decoded(Box<str>),
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
        if !T::WATCHES
            && let Some(known) = self.known.find(value)
        {
            return match envoy.check_connection(&known.last_hash, around.connection) {
                Ok(()) => {
                    self.decide_known(&known, known.identity(value), request.method, target, request.now)
                }
                Err(refusal) => self.refuse(refusal),
            };
        }
        let caller = envoy.read_text(value, around, trace);
        let fits = !T::WATCHES && value.len() <= KNOWN_CALLER_BYTES;
        let known = match &caller {
            Ok(envoy::Caller::Fields(credential, last_hash)) if fits => {
                self.known(value, credential, last_hash, request.now)
            }
            Ok(envoy::Caller::Certificate(known, last_hash)) if fits => {
                self.known(value, &known.credential(PROMISED), last_hash, request.now)
            }
            _ => None,
        };
        let Some(known) = known else {
            return self.conclude_envoy(request, target, &caller, trace);
        };
        let decision = self.decide_known(&known, known.identity(value), request.method, target, request.now);
        self.known.keep(value, Arc::new(known));
        decision
    }

    /// What to keep of a caller; `None` for one who is not authenticated.
    fn known(
        &self,
        value: &[u8],
        credential: &Credential<'_>,
        last_hash: &[u8; 32],
        now: Option<i64>,
    ) -> Option<Known> {
        let domains = self.trust_domains.as_deref();
        let spiffe = authenticate::check(credential, &self.source, domains, now).ok()?;
        let rules = self.policy.rules_for(&Facts { credential, spiffe: spiffe.as_deref() });
        let name = authenticate::identity(credential, spiffe)
            .map(|identity| (identity.kind, Name::new(&identity.name, value)));
        let Credential { verified, window, .. } = *credential;
        // The certificate was hashed to be compared, and is kept elsewhere.
        let sha256 = credential.sha256.as_ref().map(|sha256| (*sha256.bytes()).into());
        Some(Known { verified, sha256, window, last_hash: *last_hash, name, rules })
    }

    fn decide_known<'g, 'r>(
        &'g self,
        known: &Known,
        identity: Option<Identity<'r>>,
        method: &[u8],
        target: Target<'_>,
        now: Option<i64>,
    ) -> Decision<'g, 'r> {
        let Known { verified, window, .. } = *known;
        let sha256 = known.sha256.clone();
        if let Err(refusal) = authenticate::check_window(window, &self.source, now) {
            return Decision { verified: Some(verified), sha256, ..self.refuse(refusal) };
        }
        let rulings = self.policy.rule(method, target, Caller::Rules(&known.rules), &mut ());
        Decision {
            verified: Some(verified),
            sha256,
            not_after: window.map(|(_, last)| last),
            identity,
            ..self.decision(rulings.enforced, rulings.with_shadow)
        }
    }

    /// Who the header lines and the connection of a request name, for [`Gate::decide_as`]; `None` where
    /// nobody is authenticated by them. What they say of a caller depends on nothing else, but for the time
    /// of the certificate, which is checked with each decision.
    #[must_use]
    pub fn recognise(&self, request: &Request<'_>) -> Option<Recognised> {
        let mut recognised = None;
        self.present(request, &mut |credential| {
            // Nothing stands in no value, so that the name is the caller's own.
            recognised = self.known(&[], credential, &[0; 32], request.now).map(|mut known| Recognised {
                name: known.name.take().map(|(kind, name)| (kind, name.of(&[]).into())),
                known,
            });
        })?;
        recognised
    }

    /// The decision on a request with the header lines and the connection of the one in which its caller
    /// was recognised by this gate.
    pub fn decide_as<'g, 'r>(
        &'g self,
        caller: &'r Recognised,
        method: &[u8],
        target: &[u8],
        now: Option<i64>,
    ) -> Decision<'g, 'r> {
        let Recognised { known, name } = caller;
        let identity =
            name.as_ref().map(|(kind, name)| Identity { kind: *kind, name: Cow::Borrowed(&**name) });
        match self.checked(method, target) {
            Ok(target) => self.decide_known(known, identity, method, target, now),
            Err(refusal) => self.refuse(refusal),
        }
    }
}

impl Known {
    /// The name, in a value of the same bytes.
    fn identity<'r>(&self, value: &'r [u8]) -> Option<Identity<'r>> {
        self.name.as_ref().map(|(kind, name)| Identity { kind: *kind, name: name.of(value) })
    }
}

impl Name {
    fn new(name: &str, value: &[u8]) -> Self {
        place(name, value).map_or_else(|| Self::Decoded(name.into()), Self::At)
    }

    /// The name, in a value of the same bytes.
    fn of<'r>(&self, value: &'r [u8]) -> Cow<'r, str> {
        match self {
            // What was a name in the same bytes still is one.
            Self::At(place) => Cow::Borrowed(
                str::from_utf8(value.get(place.clone()).unwrap_or_default()).unwrap_or_default(),
            ),
            Self::Decoded(name) => Cow::Owned(name.as_ref().into()),
        }
    }
}

/// Where a name stands in the value that it was read from, if it was read and not decoded.
fn place(name: &str, value: &[u8]) -> Option<Range<usize>> {
    let start = name.as_ptr().addr().checked_sub(value.as_ptr().addr())?;
    let place = start..start.checked_add(name.len())?;
    (value.get(place.clone())? == name.as_bytes()).then_some(place)
}
