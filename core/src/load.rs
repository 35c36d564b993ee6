//! Why a document was refused, and what is odd about one that was not.

use alloc::string::String;
use alloc::vec::Vec;

use crate::reason::codes;

/// Which document a place is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// A deployment.
    Deployment,
    /// A policy of its own; full pointers start with `/policy`.
    Policy,
    /// A source of its own; full pointers start with `/source`.
    Source,
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which document.
    pub document: Document,
    /// JSON Pointer (RFC 6901) within that document.
    pub pointer: String,
    /// From 1.
    pub line: usize,
    /// From 1, in code points.
    pub column: usize,
}

codes! {
    /// The stable codes of load errors.
    LoadCode {
        /// Not JSON (RFC 8259).
        InvalidJson = "invalid_json",
    }
}

codes! {
    /// The stable codes of warnings.
    WarningCode {
        /// A group that no rule names.
        UnusedGroup = "unused_group",
    }
}

/// A document was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The stable code.
    pub code: LoadCode,
    /// Where.
    pub place: Place,
    /// What to do about it.
    pub hint: &'static str,
}

/// A document was taken, with a doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The stable code.
    pub code: WarningCode,
    /// Where.
    pub place: Place,
    /// What to do about it.
    pub hint: &'static str,
}

/// Every error of a document, in its order; never empty.
pub type LoadErrors = Vec<LoadError>;

impl LoadCode {
    /// One sentence for people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::InvalidJson => "the document is not JSON",
        }
    }
}

impl WarningCode {
    /// One sentence for people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::UnusedGroup => "no rule uses this group",
        }
    }
}

impl Place {
    /// The pointer as hosts print it: `/policy/…` or `/source/…` whatever file it came from.
    #[must_use]
    pub fn full_pointer(&self) -> String {
        let prefix = match self.document {
            Document::Deployment => "",
            Document::Policy => "/policy",
            Document::Source => "/source",
        };
        let mut out = String::from(prefix);
        out.push_str(&self.pointer);
        out
    }
}
