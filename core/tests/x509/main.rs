//! The reader of certificates: real ones, made ones, and real ones with one thing wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod captures;
mod fields;
mod fingerprints;
mod made;
mod properties;
mod second_opinion;
mod strictness;
mod tree;
