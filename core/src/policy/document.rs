//! The policy document as written: parsed, every name resolved, nothing compiled yet.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::paths::Pattern;
use super::principal::{Attribute, Term};
use super::read;
use crate::limits::HostLimits;
use crate::load::{Document, LoadErrors, Place, Warning};
use crate::reader::{Cursor, Reader};
use crate::target::TargetRules;

/// Deny or allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A deny rule.
    Deny,
    /// An allow rule.
    Allow,
}

/// Enforced or in shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `"enforce"`.
    Enforce,
    /// `"shadow"`.
    Shadow,
}

/// Who a rule is about.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// With or without a certificate.
    Anyone,
    /// Any accepted certificate.
    Authenticated,
    /// Any of these.
    AnyOf {
        /// Written in the rule itself.
        principals: Vec<Term>,
        /// Indexes into [`PolicyDocument::groups`].
        groups: Vec<usize>,
    },
}

/// What a rule or a group needs of a source: the first place of each attribute.
pub type Uses = Vec<(Attribute, Place)>;

/// A group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: Box<str>,
    /// Its principals.
    pub principals: Vec<Term>,
    /// What its principals need.
    pub uses: Uses,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: Box<str>,
    /// Deny or allow.
    pub effect: Effect,
    /// Enforced or in shadow.
    pub mode: Mode,
    /// Who.
    pub from: From,
    /// `None` is any.
    pub methods: Option<Vec<Box<str>>>,
    /// `None` is any.
    pub paths: Option<Vec<Pattern>>,
    /// What its own principals need; its groups' needs are theirs.
    pub uses: Uses,
}

/// A policy as written.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyDocument {
    /// `name`.
    pub name: Box<str>,
    /// `mode`.
    pub mode: Mode,
    /// `trustDomains`.
    pub trust_domains: Option<Vec<Box<str>>>,
    /// Where `trustDomains` stands.
    pub trust_domains_place: Option<Place>,
    /// `groups`, in file order.
    pub groups: Vec<Group>,
    /// Deny rules in file order, then allow rules in file order.
    pub rules: Vec<Rule>,
    /// `request`.
    pub target: TargetRules,
    /// SHA-256 of the canonical JSON: keys sorted by code unit, no white space (RFC 8785).
    pub sha256: [u8; 32],
}

impl PolicyDocument {
    /// Reads a policy that stands alone.
    ///
    /// # Errors
    /// Every fault, in the order of the text.
    pub fn parse(text: &[u8], limits: HostLimits) -> Result<(Self, Vec<Warning>), LoadErrors> {
        let mut reader = Reader::new(text, Document::Policy, limits)?;
        let root = reader.root();
        let policy = Self::read(&mut reader, &root, limits);
        reader.result(policy)
    }

    /// Reads a policy within a document.
    pub(crate) fn read<'a>(reader: &mut Reader<'a>, at: &Cursor<'_, 'a>, limits: HostLimits) -> Option<Self> {
        read::policy(reader, at, limits)
    }
}
