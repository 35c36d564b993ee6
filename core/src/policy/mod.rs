//! Who may do what: from what a person writes to tables, and from tables to a verdict.

mod conditions;
pub mod document;
pub mod paths;
pub mod principal;
mod read;
pub(crate) mod values;
