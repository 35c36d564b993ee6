//! The one call that a host makes.

use alloc::vec::Vec;

use crate::decision::{Decision, Verdict};
use crate::limits::HostLimits;
use crate::load::{LoadErrors, Warning};
use crate::reason::Reason;
use crate::request::{Header, Request};
use crate::respond::Response;
use crate::trace::Trace;
use crate::upstream::Upstream;

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

/// A policy and a source that fit each other, immutable.
#[derive(Debug)]
pub struct Gate {
    warnings: Vec<Warning>,
}

/// The path that a deployment's `policy` holds instead of an object, decoded.
///
/// # Errors
/// When the text is no JSON object.
pub fn policy_path(_deployment: &[u8]) -> Result<Option<alloc::string::String>, LoadErrors> {
    Ok(None)
}

impl Gate {
    /// Loads and checks documents.
    ///
    /// # Errors
    /// Every fault of the documents, in their order.
    pub fn load(_documents: Documents<'_>, _limits: HostLimits) -> Result<Self, LoadErrors> {
        Ok(Self { warnings: Vec::new() })
    }

    /// Decides. Never fails and never panics: what cannot be read is refused.
    pub fn decide<'g, 'r>(&'g self, request: &Request<'r>) -> Decision<'g, 'r> {
        self.decide_traced(request, &mut ())
    }

    /// The same decision, watched.
    pub fn decide_traced<'g, 'r>(
        &'g self,
        _request: &Request<'r>,
        _trace: &mut impl Trace,
    ) -> Decision<'g, 'r> {
        Decision {
            verdict: Verdict::Deny { status: 401 },
            reason: Reason::NoCertificate,
            detail: None,
            rule: None,
            identity: None,
            verified: None,
            sha256: None,
            shadow: None,
        }
    }

    /// What to change in the header lines of a request that was let through. Give it all lines,
    /// not only those of [`Gate::reads_header`].
    #[must_use]
    pub fn upstream<'r>(&self, _decision: &Decision<'_, '_>, _headers: &[Header<'r>]) -> Upstream<'r> {
        Upstream::default()
    }

    /// Whether a header line with this name (any case) matters to [`Gate::decide`] or
    /// [`Gate::upstream`]: a source's header, the identity header, or an alias of one of them.
    #[must_use]
    pub fn reads_header(&self, _name: &[u8]) -> bool {
        true
    }

    /// Whether [`Gate::decide`] looks at `Request::connection` at all.
    #[must_use]
    pub fn reads_connection(&self) -> bool {
        true
    }

    /// Whether [`Gate::decide`] looks at `Request::now` at all.
    #[must_use]
    pub fn reads_clock(&self) -> bool {
        false
    }

    /// The local answer to a refusal; `None` when the request goes on.
    #[must_use]
    pub fn response(&self, _decision: &Decision<'_, '_>) -> Option<Response> {
        None
    }

    /// Doubts about the documents.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// `name` of the policy.
    #[must_use]
    pub fn policy_name(&self) -> &str {
        "policy"
    }

    /// SHA-256 of the policy's canonical JSON.
    #[must_use]
    pub fn policy_sha256(&self) -> [u8; 32] {
        [0; 32]
    }

    /// Names of the rules, deny first, each in file order.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        core::iter::empty()
    }

    /// Which decisions the host logs.
    #[must_use]
    pub fn log_mode(&self) -> LogMode {
        LogMode::Denied
    }
}
