//! The filter in a hostile proxy: any bytes, failing calls, floods, reloads.
#![allow(clippy::arithmetic_side_effects, reason = "tests count small things")]

#[cfg(test)]
mod connection;
#[cfg(test)]
mod support;

#[cfg(test)]
#[path = "host/bytes.rs"]
mod bytes;
#[cfg(test)]
#[path = "host/failures.rs"]
mod failures;
#[cfg(test)]
#[path = "host/module.rs"]
mod module;
#[cfg(test)]
#[path = "host/operators.rs"]
mod operators;
#[cfg(test)]
#[path = "host/requests.rs"]
mod requests;
