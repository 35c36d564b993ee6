//! Where a caller's identity comes from at this host.

pub(crate) mod certificates;
pub(crate) mod chain;
pub(crate) mod connection;
mod custom;
mod decode;
pub mod document;
mod element;
pub(crate) mod envoy;
pub mod form;
pub(crate) mod forwarded;
pub(crate) mod lines;
pub mod preset;
pub(crate) mod read;
mod signal;
mod structured;

use crate::bytes::{DNS_NAME, four_bytes};
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
    pub(crate) issuer: bool,
    pub(crate) uri: bool,
}

/// 64 hexadecimal digits in either case.
pub(crate) fn hex_sha256(digits: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = digits.try_into().ok()?;
    let mut hash = [0; 32];
    for (bytes, digits) in hash.as_chunks_mut().0.iter_mut().zip(digits.as_chunks().0) {
        *bytes = four_bytes(*digits)?;
    }
    Some(hash)
}

/// Letters, digits, `-`, `.`, `_`, `*`, and at least one of them.
pub(crate) fn is_dns_name(name: &str) -> bool {
    !name.is_empty() && DNS_NAME.run(name.as_bytes()) == name.len()
}
