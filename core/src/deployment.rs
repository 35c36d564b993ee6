//! The deployment document: where identity comes from at this host, and what to do with the answer.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::gate::{Documents, LogMode};
use crate::limits::HostLimits;
use crate::load::{LoadErrors, Warning};
use crate::policy::document::PolicyDocument;
use crate::source::document::SourceDocument;

/// `responses`: the status of each kind of refusal, 400 to 499.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responses {
    /// No certificate where one is needed.
    pub unauthenticated: u16,
    /// Refused.
    pub forbidden: u16,
    /// The request can be read in two ways.
    pub ambiguous: u16,
}

/// A deployment as written, every part checked for itself and against the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// `source`.
    pub source: SourceDocument,
    /// `policy`.
    pub policy: PolicyDocument,
    /// `identityHeader` in lower case.
    pub identity_header: Option<Box<str>>,
    /// `responses`.
    pub responses: Responses,
    /// `log`.
    pub log: LogMode,
    /// Doubts, in the order of the documents.
    pub warnings: Vec<Warning>,
}

/// Loads documents of either shape.
///
/// # Errors
/// Every fault of the documents, in their order; the deployment's or policy's before those of a
/// document beside it.
pub fn parse(_documents: Documents<'_>, _limits: HostLimits) -> Result<Deployment, LoadErrors> {
    Err(Vec::new())
}

/// The path that a deployment's `policy` holds instead of an object, decoded.
///
/// # Errors
/// When the text is no JSON object.
pub fn policy_path(_text: &[u8], _limits: HostLimits) -> Result<Option<String>, LoadErrors> {
    Ok(None)
}
