//! Who may do what: from what a person writes to tables, and from tables to a verdict.

pub(crate) mod bits;
pub(crate) mod compile;
mod conditions;
pub(crate) mod decide;
pub mod document;
pub(crate) mod matching;
mod met;
pub mod paths;
pub(crate) mod pattern;
pub mod principal;
mod principals;
mod read;
mod reading;
pub(crate) mod values;
