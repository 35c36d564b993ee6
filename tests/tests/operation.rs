//! The filter as an operator lives with it, in a real Envoy: rules are replaced under load, documents
//! are refused, the sandbox traps, and clients forge what the service is told.

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
#[path = "operation/cases.rs"]
mod cases;
#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
#[path = "operation/load.rs"]
mod load;
#[cfg(test)]
#[path = "operation/seen.rs"]
mod seen;
