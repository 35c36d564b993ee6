//! Documents: what is refused and where, what is taken and what it then means, and that the
//! published schemas and tables say the same.
#![allow(clippy::arithmetic_side_effects, reason = "tests count in small numbers")]

mod corpus;
mod doubts;
mod hostile;
mod limits;
mod meaning;
mod places;
mod published;
mod refusals;
mod schema;
