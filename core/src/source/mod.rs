//! Where a caller's identity comes from at this host.

pub(crate) mod chain;
pub(crate) mod connection;
pub mod document;
pub(crate) mod envoy;
pub(crate) mod lines;
pub mod preset;
pub(crate) mod read;

use crate::reason::{Detail, Reason};

/// A source found something that it must not use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) detail: Option<Detail>,
}

impl Refusal {
    pub(crate) const fn of(reason: Reason) -> Self {
        Self { reason, detail: None }
    }

    pub(crate) const fn malformed(detail: Detail) -> Self {
        Self { reason: Reason::MalformedHeader, detail: Some(detail) }
    }
}

/// What a policy asks of the caller's certificate: a field that is always written must then be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) subject: bool,
    pub(crate) uri: bool,
}
