//! Documents: what is refused and where, what is taken and what it then means, and that the
//! published schemas and tables say the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod corpus;
mod doubts;
mod hostile;
mod limits;
mod meaning;
mod places;
mod published;
mod refusals;
mod schema;
