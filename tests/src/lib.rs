//! Runs the same fixtures on every implementation.
