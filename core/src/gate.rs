//! The one call that a host makes.

mod fit;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::credential::Credential;
use crate::decision::{Decision, Identity, IdentityType, Shadow};
use crate::deployment::{self, Deployment, Responses};
use crate::limits::HostLimits;
use crate::load::{LoadErrors, Warning};
use crate::policy::compile::Policy;
use crate::policy::decide::{Ruling, verdict};
use crate::policy::matching::Facts;
use crate::reason::{Detail, Reason};
use crate::request::{Header, Peer, Request};
use crate::respond::{Bodies, Response};
use crate::source::document::{Preset, SourceDocument, Validity, XfccFormat};
use crate::source::envoy::Envoy;
use crate::source::lines::{self, Value};
use crate::source::{Needs, Refusal, connection};
use crate::spiffe::SpiffeId;
use crate::target::{self, TargetRules};
use crate::trace::{Event, Trace};
use crate::upstream::{Upstream, is_alias};
use crate::xfcc::json;

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

/// A policy and a source that fit each other, immutable.
#[derive(Debug)]
pub struct Gate {
    policy: Policy,
    source: Source,
    target: TargetRules,
    /// Sorted.
    trust_domains: Option<Box<[Box<str>]>>,
    identity_header: Option<Box<str>>,
    responses: Responses,
    bodies: Bodies,
    log: LogMode,
    name: Box<str>,
    sha256: [u8; 32],
    warnings: Vec<Warning>,
}

/// Where the caller comes from.
#[derive(Debug)]
struct Source {
    reader: Reader,
    require_verified: bool,
    /// Whether `verified` is what the host says, or what the document promises.
    host_verifies: bool,
    listener_verifies: bool,
    validity: Validity,
    skew: i64,
    header: Box<str>,
    max_bytes: usize,
}

#[derive(Debug)]
enum Reader {
    Envoy(Envoy),
    Connection,
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
    pub fn load(documents: Documents<'_>, limits: HostLimits) -> Result<Self, LoadErrors> {
        let Deployment { source, policy, identity_header, responses, log, warnings } =
            deployment::parse(documents, limits)?;
        let errors = fit::misfits(&source, &policy, limits);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            source: Source::new(&source, fit::needs(&policy), limits),
            target: policy.target,
            trust_domains: policy.trust_domains.clone().map(|mut domains| {
                domains.sort_unstable();
                domains.into()
            }),
            policy: Policy::compile(&policy),
            identity_header,
            responses,
            bodies: Bodies::new(responses),
            log,
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
        let target = match target::check(request.method, request.target, self.target) {
            Ok(target) => target,
            Err(detail) => {
                let refusal = Refusal { reason: Reason::AmbiguousRequest, detail: Some(detail) };
                return self.refuse(refusal, None);
            }
        };
        let source = &self.source;
        let Reader::Envoy(envoy) = &source.reader else {
            let peer = request.connection.as_ref();
            let caller = peer.map(|peer| connection::read(peer, source.is_verified(peer))).transpose();
            return self.conclude(request, target, caller, "connection", trace);
        };
        let value = match lines::join(&source.header, request.headers, source.max_bytes) {
            Ok(value) => value,
            Err(refusal) => return self.refuse(refusal, None),
        };
        match (envoy.format, value) {
            (_, Value::Absent) => self.conclude(request, target, Ok(None), "header", trace),
            (XfccFormat::Text, Value::One(value)) => {
                let caller = envoy.read_text(value, request.connection, trace);
                self.conclude(request, target, caller, "header", trace)
            }
            (XfccFormat::Text, Value::Joined(value)) => {
                let caller = envoy.read_text(&value, request.connection, trace);
                own(self.conclude(request, target, caller, "header", trace))
            }
            (XfccFormat::Json, value) => {
                let value = match &value {
                    Value::Absent => &[],
                    Value::One(value) => *value,
                    Value::Joined(value) => value,
                };
                let elements = match json::parse(value) {
                    Ok(elements) => elements,
                    Err(error) => return self.refuse(Refusal::malformed(error.code), None),
                };
                let caller = envoy.read_json(&elements, request.connection, trace);
                own(self.conclude(request, target, caller, "header", trace))
            }
        }
    }

    /// Steps 3 and 4: is the caller who the certificate says, and may the caller do this?
    fn conclude<'g, 'c, T: Trace>(
        &'g self,
        request: &Request<'_>,
        target: target::Target<'_>,
        caller: Result<Option<Credential<'c>>, Refusal>,
        origin: &'static str,
        trace: &mut T,
    ) -> Decision<'g, 'c> {
        let credential = match caller {
            Ok(Some(credential)) => credential,
            Ok(None) => {
                let rulings = self.policy.rule(request.method, target, None, trace);
                return self.decision(rulings.enforced, rulings.with_shadow);
            }
            Err(refusal) => return self.refuse(refusal, None),
        };
        if T::WATCHES {
            watch(&credential, origin, trace);
        }
        let spiffe = match self.authenticate(&credential, request.now) {
            Ok(spiffe) => spiffe,
            Err(refusal) => return self.refuse(refusal, Some(&credential)),
        };
        let facts = Facts { credential: &credential, spiffe: spiffe.as_deref() };
        let rulings = self.policy.rule(request.method, target, Some(&facts), trace);
        Decision {
            verified: Some(credential.verified),
            sha256: Some(credential.sha256),
            identity: identity(&credential, spiffe),
            ..self.decision(rulings.enforced, rulings.with_shadow)
        }
    }

    /// Step 3. Gives the SPIFFE ID, if the certificate has one.
    fn authenticate<'c>(
        &self,
        credential: &Credential<'c>,
        now: Option<i64>,
    ) -> Result<Option<Cow<'c, str>>, Refusal> {
        if self.source.require_verified && !credential.verified {
            return Err(Refusal::of(Reason::Unverified));
        }
        if let Some((first, last)) = credential.window.filter(|_| self.source.validity != Validity::Ignore) {
            let no_clock = Refusal { reason: Reason::Expired, detail: Some(Detail::NoClock) };
            let now = now.ok_or(no_clock)?;
            if now < first.saturating_sub(self.source.skew) {
                return Err(Refusal::of(Reason::NotYetValid));
            }
            if now > last.saturating_add(self.source.skew) {
                return Err(Refusal::of(Reason::Expired));
            }
        }
        let mut uris = credential.names.uris();
        let (Some(first), second) = (uris.next(), uris.next()) else { return Ok(None) };
        let Some(second) = second else {
            return self.spiffe_identity(first, credential.is_ca);
        };
        // Several URI names are no SPIFFE identity, but they may be other names.
        if [&first, &second].into_iter().any(|uri| has_spiffe_scheme(uri))
            || uris.any(|uri| has_spiffe_scheme(&uri))
        {
            return Err(Refusal::of(Reason::AmbiguousIdentity));
        }
        Ok(None)
    }

    fn spiffe_identity<'c>(&self, uri: Cow<'c, str>, is_ca: bool) -> Result<Option<Cow<'c, str>>, Refusal> {
        if !has_spiffe_scheme(&uri) {
            return Ok(None);
        }
        let ambiguous = Refusal::of(Reason::AmbiguousIdentity);
        let id = SpiffeId::parse(uri.as_bytes()).map_err(|_| ambiguous)?;
        if id.path().is_empty() || is_ca {
            return Err(ambiguous);
        }
        if let Some(domains) = &self.trust_domains
            && domains.binary_search_by(|domain| (**domain).cmp(id.trust_domain())).is_err()
        {
            return Err(Refusal::of(Reason::ForeignTrustDomain));
        }
        Ok(Some(uri))
    }

    /// A refusal before the rules, with whatever is known of the certificate.
    fn refuse<'g, 'c>(&'g self, refusal: Refusal, credential: Option<&Credential<'_>>) -> Decision<'g, 'c> {
        let ruling = Ruling { reason: refusal.reason, rule: None };
        let mut decision = self.decision(ruling, ruling);
        if !self.policy.is_shadow() {
            decision.detail = refusal.detail;
        }
        if let Some(shadow) = &mut decision.shadow {
            shadow.detail = refusal.detail;
        }
        decision.verified = credential.map(|credential| credential.verified);
        decision.sha256 = credential.map(|credential| credential.sha256);
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
        let identity = self.identity_header.as_deref().is_some_and(|header| is_alias(name, header));
        identity || (!self.source.header.is_empty() && is_alias(name, &self.source.header))
    }

    /// How long the names are of which [`Gate::reads_header`] is true, in bytes: for hosts that would
    /// rather compare a number first.
    pub fn header_lengths(&self) -> impl Iterator<Item = usize> {
        let identity = self.identity_header.as_deref().unwrap_or_default();
        [identity, &self.source.header].into_iter().map(str::len).filter(|length| *length > 0)
    }

    /// Whether callers are named in header lines, which whoever connects to the host could write.
    #[must_use]
    pub const fn trusts_headers(&self) -> bool {
        match self.source.reader {
            Reader::Envoy(_) => true,
            Reader::Connection => false,
        }
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
            shadow: None,
        }
    }

    /// Whether and when [`Gate::decide`] looks at `Request::connection`.
    #[must_use]
    pub const fn connection_use(&self) -> ConnectionUse {
        match &self.source.reader {
            Reader::Connection => ConnectionUse::Always,
            Reader::Envoy(envoy) => match envoy.bind_connection {
                Some(true) => ConnectionUse::Always,
                Some(false) => ConnectionUse::Never,
                None => ConnectionUse::IfProxy,
            },
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
        match self.source.reader {
            Reader::Envoy(_) | Reader::Connection => false,
        }
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

    /// Which decisions the host logs.
    #[must_use]
    pub const fn log_mode(&self) -> LogMode {
        self.log
    }
}

impl Source {
    fn new(document: &SourceDocument, needs: Needs, limits: HostLimits) -> Self {
        let row = document.preset.row();
        let default = row.and_then(|row| row.headers.first()).map_or("", |(_, name)| name);
        let renamed = document.headers.iter().find(|(role, _)| &**role == "cert");
        Self {
            reader: match document.preset {
                Preset::Connection => Reader::Connection,
                // `deployment::parse` lets no other preset through.
                _ => Reader::Envoy(Envoy::new(document, needs)),
            },
            require_verified: document.require_verified,
            host_verifies: limits.knows_verification,
            listener_verifies: document.verified_by_listener,
            validity: document.validity,
            skew: i64::from(document.clock_skew_seconds),
            header: renamed.map_or(default, |(_, name)| name).into(),
            max_bytes: document.max_header_bytes,
        }
    }

    const fn is_verified(&self, peer: &Peer<'_>) -> bool {
        if self.host_verifies { peer.verified } else { self.listener_verifies }
    }
}

/// Whether a URI claims to be a SPIFFE ID, in any case of the scheme.
fn has_spiffe_scheme(uri: &str) -> bool {
    uri.as_bytes().get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"spiffe:"))
}

/// The caller's name for people: SPIFFE ID, else first DNS name, else the only common name.
fn identity<'c>(credential: &Credential<'c>, spiffe: Option<Cow<'c, str>>) -> Option<Identity<'c>> {
    if let Some(name) = spiffe {
        return Some(Identity { kind: IdentityType::Spiffe, name });
    }
    if let Some(name) = credential.names.dns().next() {
        return Some(Identity { kind: IdentityType::Dns, name });
    }
    let mut names = credential.subject?.attributes().filter(|attribute| attribute.ty.is_common_name());
    match (names.next(), names.next()) {
        (Some(only), None) if only.is_text && !only.value.is_empty() => {
            Some(Identity { kind: IdentityType::Cn, name: only.value })
        }
        _ => None,
    }
}

/// A decision that no longer borrows from what was decoded on the way.
fn own<'g, 'r>(decision: Decision<'g, '_>) -> Decision<'g, 'r> {
    let identity = decision
        .identity
        .map(|identity| Identity { kind: identity.kind, name: Cow::Owned(identity.name.into_owned()) });
    let Decision { verdict, reason, detail, rule, verified, sha256, shadow, identity: _ } = decision;
    Decision { verdict, reason, detail, rule, identity, verified, sha256, shadow }
}

fn watch(credential: &Credential<'_>, origin: &'static str, trace: &mut impl Trace) {
    for uri in credential.names.uris() {
        trace.event(Event::Field { name: "uri", value: &uri, origin });
    }
    for name in credential.names.dns() {
        trace.event(Event::Field { name: "dns", value: &name, origin });
    }
    if let Some(subject) = &credential.subject {
        trace.event(Event::Field { name: "subject", value: subject.as_str(), origin });
    }
    let sha256 = crate::decision::hex(&credential.sha256);
    trace.event(Event::Field { name: "sha256", value: &sha256, origin });
}
