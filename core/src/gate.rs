//! The one call that a host makes.

mod authenticate;
mod describe;
mod fit;
mod known;
mod source;
mod watch;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::credential::Credential;
use crate::decision::{Decision, Identity, Shadow};
use crate::deployment::{self, Deployment, Responses};
use crate::limits::{HostLimits, SOURCE_HEADERS};
use crate::load::{LoadErrors, Warning};
use crate::order;
use crate::policy::compile::Policy;
use crate::policy::decide::{Caller, Ruling, verdict};
use crate::policy::matching::Facts;
use crate::reason::Reason;
use crate::request::{Header, Request};
use crate::respond::{Bodies, Response};
use crate::source::document::XfccFormat;
use crate::source::envoy::{self, Around, Envoy};
use crate::source::form::Form;
use crate::source::forwarded;
use crate::source::lines::{self, Value};
use crate::source::{Refusal, connection};
use crate::target::{self, TargetRules};
use crate::trace::Trace;
use crate::upstream::{Upstream, is_alias};
use crate::xfcc::json;
use known::KnownCallers;
pub use known::Recognised;
use source::{Reader, Source};
use watch::{FROM_CERTIFICATE, FROM_HEADER, Origin, watch};

/// Whether a certificate in XFCC is verified: the proxy's promise, no field of it says so.
const PROMISED: bool = true;

/// What a gate is made of, as JSON texts.
#[derive(Clone, Copy, Debug)]
pub enum Documents<'a> {
    /// A deployment, and the policy that it names by path, if it does (see [`policy_path`]).
    Deployment {
        /// The deployment.
        text: &'a [u8],
        /// The text of the file that its `policy` names.
        policy: Option<&'a [u8]>,
    },
    /// A policy and a source; the source defaults to `{"preset": "envoy"}`.
    Parts {
        /// The policy.
        policy: &'a [u8],
        /// The source.
        source: Option<&'a [u8]>,
    },
}

/// `log` of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogMode {
    /// Refusals only.
    Denied,
    /// Every decision.
    All,
    /// Nothing.
    None,
}

/// Whether a host has to find out about the client certificate of its own connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionUse {
    /// It is not looked at.
    Never,
    /// It is compared with the header if it is the connection on which the proxy met the caller: in
    /// the proxy itself, but not in a service behind it.
    IfProxy,
    /// It is needed.
    Always,
}

/// What a host has to hand over of the client certificate of its own connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionForm {
    /// The whole certificate: [`PeerCertificate::Der`](crate::PeerCertificate::Der) or
    /// [`PeerCertificate::Pem`](crate::PeerCertificate::Pem).
    Certificate,
    /// Its digest will do.
    Digest,
}

/// What a host shows of its decisions beside the records, as far as it can: `metrics` and `filterState`
/// of a deployment. All of it is off by default, since each costs a little with every request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shows {
    /// A counter for each rule.
    pub rules: bool,
    /// When the first of the callers' certificates ends.
    pub expiry: bool,
    /// The decision for the proxy's access log.
    pub filter_state: bool,
}

/// A policy and a source that fit each other. Immutable, but for what is kept of certificates and callers
/// that were met, each of which would be made of the same bytes again.
#[derive(Debug)]
pub struct Gate {
    policy: Policy,
    source: Source,
    known: KnownCallers,
    target: TargetRules,
    /// Sorted.
    trust_domains: Option<Box<[Box<str>]>>,
    identity_header: Option<Box<str>>,
    responses: Responses,
    bodies: Bodies,
    log: LogMode,
    shows: Shows,
    name: Box<str>,
    sha256: [u8; 32],
    warnings: Vec<Warning>,
}

/// The path that a deployment's `policy` holds instead of an object, decoded.
///
/// # Errors
/// When the text is no JSON object.
pub fn policy_path(deployment: &[u8]) -> Result<Option<String>, LoadErrors> {
    deployment::policy_path(deployment, HostLimits::NATIVE)
}

impl Gate {
    /// Loads and checks documents.
    ///
    /// # Errors
    /// Every fault of the documents, in their order.
    // A host knows which documents it gives; the code for others is then none of its own.
    #[inline]
    pub fn load(documents: Documents<'_>, limits: HostLimits) -> Result<Self, LoadErrors> {
        Self::of(deployment::parse(documents, limits)?, limits)
    }

    fn of(deployment: Deployment, limits: HostLimits) -> Result<Self, LoadErrors> {
        let Deployment { source, policy, identity_header, responses, log, shows, warnings } = deployment;
        let errors = fit::misfits(&source, &policy, limits);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            source: Source::new(source, fit::needs(&policy), limits),
            known: KnownCallers::new(),
            target: policy.target,
            trust_domains: policy.trust_domains.clone().map(|mut domains| {
                order::sort_unstable(&mut domains);
                domains.into()
            }),
            policy: Policy::compile(&policy),
            identity_header,
            responses,
            bodies: Bodies::new(responses),
            log,
            shows,
            name: policy.name,
            sha256: policy.sha256,
            warnings,
        })
    }

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

    fn checked<'t>(&self, method: &[u8], target: &'t [u8]) -> Result<target::Target<'t>, Refusal> {
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

    fn conclude_envoy<'g, 'c, T: Trace>(
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
    fn conclude<'g, 'c, T: Trace>(
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
    fn refuse<'g, 'c>(&'g self, refusal: Refusal) -> Decision<'g, 'c> {
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

    fn decision<'g, 'c>(&'g self, enforced: Ruling<'g>, with_shadow: Ruling<'g>) -> Decision<'g, 'c> {
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

    /// What to change in the header lines of a request that was let through. Give it all lines, or
    /// those of [`Gate::reads_header`].
    #[must_use]
    pub fn upstream<'r>(&self, decision: &Decision<'_, '_>, headers: &[Header<'r>]) -> Upstream<'r> {
        match &self.identity_header {
            Some(name) => {
                let identity = decision.identity.as_ref().filter(|_| decision.is_allowed());
                Upstream::new(name, identity, headers)
            }
            None => Upstream::default(),
        }
    }

    /// Whether a header line with this name (any case) matters to [`Gate::decide`] or
    /// [`Gate::upstream`]: a source's header, the identity header, or an alias of one of them.
    #[must_use]
    pub fn reads_header(&self, name: &[u8]) -> bool {
        self.header_names().any(|header| is_alias(name, header))
    }

    /// How long the names are of which [`Gate::reads_header`] is true, in bytes: for hosts that would
    /// rather compare a number first.
    pub fn header_lengths(&self) -> impl Iterator<Item = usize> {
        self.header_names().map(str::len)
    }

    fn header_names(&self) -> impl Iterator<Item = &str> {
        let watched = self.source.watched.iter().map(|header| &*header.name);
        self.identity_header.as_deref().into_iter().chain(watched)
    }

    /// Whether callers are named in header lines, which whoever connects to the host could write.
    #[must_use]
    pub const fn trusts_headers(&self) -> bool {
        !matches!(self.source.reader, Reader::Connection)
    }

    /// The refusal of a request that names its caller in header lines and came from a peer that may
    /// not: for hosts that know who their proxies are. A policy in shadow does not lift it.
    #[must_use]
    pub fn refuse_peer(&self) -> Decision<'_, 'static> {
        let reason = Reason::UntrustedProxy;
        Decision {
            verdict: verdict(reason, self.responses),
            reason,
            detail: None,
            rule: None,
            identity: None,
            verified: None,
            sha256: None,
            not_after: None,
            shadow: None,
        }
    }

    /// Whether and when [`Gate::decide`] looks at `Request::connection`.
    #[must_use]
    pub const fn connection_use(&self) -> ConnectionUse {
        match &self.source.reader {
            Reader::Connection => ConnectionUse::Always,
            Reader::Headers(_) => ConnectionUse::Never,
            Reader::Envoy(envoy) => match envoy.bind_connection {
                Some(true) => ConnectionUse::Always,
                Some(false) => ConnectionUse::Never,
                None => ConnectionUse::IfProxy,
            },
        }
    }

    /// In what form [`Gate::decide`] needs the certificate of `Request::connection`.
    #[must_use]
    pub const fn connection_form(&self) -> ConnectionForm {
        match &self.source.reader {
            Reader::Connection => ConnectionForm::Certificate,
            Reader::Envoy(_) | Reader::Headers(_) => ConnectionForm::Digest,
        }
    }

    /// Whether [`Gate::decide`] looks at `Request::connection` at all.
    #[must_use]
    pub const fn reads_connection(&self) -> bool {
        !matches!(self.connection_use(), ConnectionUse::Never)
    }

    /// Whether [`Gate::decide`] looks at `Request::now` at all: only sources that know the validity
    /// of a certificate do.
    #[must_use]
    pub const fn reads_clock(&self) -> bool {
        self.source.reads_clock
    }

    /// The local answer to a refusal; `None` when the request goes on.
    #[must_use]
    pub fn response(&self, decision: &Decision<'_, '_>) -> Option<Response<'_>> {
        decision.status().map(|status| self.bodies.response(status))
    }

    /// Doubts about the documents.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// `name` of the policy.
    #[must_use]
    pub fn policy_name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the policy's canonical JSON.
    #[must_use]
    pub const fn policy_sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Names of the rules, deny first, each in file order.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.policy.rule_names()
    }

    /// The rules that can decide, by name, and whether each denies: those in shadow cannot.
    pub fn deciding_rules(&self) -> impl Iterator<Item = (&str, bool)> {
        self.policy.deciding_rules()
    }

    /// Whether decisions come with a shadow verdict.
    #[must_use]
    pub const fn has_shadow(&self) -> bool {
        self.policy.has_shadow()
    }

    /// What the host shows beside the records.
    #[must_use]
    pub const fn shows(&self) -> Shows {
        self.shows
    }

    /// Which decisions the host logs.
    #[must_use]
    pub const fn log_mode(&self) -> LogMode {
        self.log
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
