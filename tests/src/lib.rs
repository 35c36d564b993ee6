//! Runs the same fixtures on every implementation of Peergate.
//!
//! An [`Implementation`] answers cases and refuses documents; `tests/conformance.rs` gives every
//! fixture to every implementation and compares each answer with what the fixture expects and with
//! core's whole answer.

pub mod implementation;
pub mod native;

pub use implementation::{Answer, Implementation};
