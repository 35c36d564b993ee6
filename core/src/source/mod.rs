//! Where a caller's identity comes from at this host.

pub mod document;
pub(crate) mod read;
