//! The one call that a host makes.

mod authenticate;
mod decide;
mod describe;
mod fit;
mod known;
mod source;
mod watch;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::decision::Decision;
use crate::deployment::{self, Deployment, Responses};
use crate::limits::HostLimits;
use crate::load::{LoadErrors, Warning};
use crate::order;
use crate::policy::compile::Policy;
use crate::policy::decide::verdict;
use crate::reason::Reason;
use crate::request::Header;
use crate::respond::{Bodies, Response};
use crate::target::TargetRules;
use crate::upstream::{Upstream, is_alias};
use known::KnownCallers;
pub use known::Recognised;
use source::{Reader, Source};

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
