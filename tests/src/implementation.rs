//! What the suite asks of an implementation.

use peergate_cli::fixture::{Case, Outcome, RefusedCase};

/// The answer to one case.
#[derive(Clone, Debug)]
pub enum Answer {
    /// What the implementation said.
    Outcome(Outcome),
    /// The implementation cannot be asked this; the rule that says so. Rules are few, decided by what
    /// the case holds and never by its name, and printed with a count.
    NotExpressible(&'static str),
}

/// Something that decides by Peergate's documents.
pub trait Implementation: Send {
    /// `core`, `filter`, `node`, `envoy`.
    fn name(&self) -> &'static str;

    /// Bytes after which the implementation cuts an identity in its answers (between letters).
    fn identity_bytes(&self) -> Option<usize> {
        None
    }

    /// Whether it takes documents only as one deployment, into which the suite then puts a policy and
    /// a source that stand by themselves ([`Texts::as_deployment`]).
    ///
    /// [`Texts::as_deployment`]: peergate_cli::fixture::Texts::as_deployment
    fn takes_deployments_only(&self) -> bool {
        false
    }

    /// Decides one case.
    ///
    /// # Errors
    /// When the implementation broke: a trap, two answers to one request, a process that ended.
    fn decide(&mut self, case: &Case) -> anyhow::Result<Answer>;

    /// Loads documents that must be refused.
    ///
    /// # Errors
    /// As [`Implementation::decide`].
    fn refuse(&mut self, case: &RefusedCase) -> anyhow::Result<Answer>;
}
