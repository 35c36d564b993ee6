//! Runs the same fixtures on every implementation of Peergate.
//!
//! An [`Implementation`] answers cases and refuses documents; the [`suite`] gives every fixture to
//! every implementation and compares each answer with what the fixture expects and with core's whole
//! answer.

pub mod envoy;
pub mod implementation;
pub mod native;
pub mod node;
pub mod record;
pub mod suite;
pub mod wasm;
pub mod wasm_host;

pub use envoy::Envoy;
pub use implementation::{Answer, Implementation};
