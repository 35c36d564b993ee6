//! From a policy as written to the tables in which it is decided. Linear in the document.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::bits::{Bits, RuleSet, WORDS, insert};
use super::document::{Effect, From, Mode, PolicyDocument};
use super::paths::PathTable;
use super::principal::Term;
use super::principals::Principals;
use super::reading::Width;
use crate::order;

/// A policy, compiled. Rules are numbered deny first, each in file order.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(super) names: Vec<Box<str>>,
    pub(super) deny: Bits,
    pub(super) allow: Bits,
    pub(super) enforced: Bits,
    pub(super) anyone: Bits,
    pub(super) authenticated: Bits,
    pub(super) any_method: Bits,
    pub(super) any_path: Bits,
    /// Sorted by method.
    pub(super) methods: Vec<(Box<str>, RuleSet)>,
    pub(super) allow_paths: PathTable,
    pub(super) deny_paths: PathTable,
    pub(super) principals: Principals,
    pub(super) has_shadow_rules: bool,
    pub(super) shadow_mode: bool,
}

impl Policy {
    pub(crate) fn compile(document: &PolicyDocument) -> Self {
        // The principals of the groups, then those that rules hold themselves.
        let mut classes: Vec<(&[Term], RuleSet)> = Vec::new();
        classes.extend(document.groups.iter().map(|group| (group.principals.as_slice(), RuleSet::default())));
        let mut methods: Vec<(&str, u16)> = Vec::new();
        let words = document.rules.len().div_ceil(64).min(WORDS);
        let none = || none(words);
        let mut policy = Self {
            names: document.rules.iter().map(|rule| rule.name.clone()).collect(),
            deny: none(),
            allow: none(),
            enforced: none(),
            anyone: none(),
            authenticated: none(),
            any_method: none(),
            any_path: none(),
            methods: Vec::new(),
            allow_paths: PathTable::new(Width::Narrow),
            deny_paths: PathTable::new(Width::Wide),
            principals: Principals::new(Vec::new()),
            has_shadow_rules: document.rules.iter().any(|rule| rule.mode == Mode::Shadow),
            shadow_mode: document.mode == Mode::Shadow,
        };
        // A document has at most `limits::RULES` rules, so every one has a number.
        for (rule, number) in document.rules.iter().zip(0_u16..) {
            match rule.effect {
                Effect::Deny => insert(&mut policy.deny, number),
                Effect::Allow => insert(&mut policy.allow, number),
            }
            if rule.mode == Mode::Enforce {
                insert(&mut policy.enforced, number);
            }
            match &rule.from {
                From::Anyone => insert(&mut policy.anyone, number),
                From::Authenticated => insert(&mut policy.authenticated, number),
                From::AnyOf { principals, groups: named } => {
                    let own = classes.len();
                    classes.push((principals, RuleSet::default()));
                    for class in named.iter().chain([&own]) {
                        if let Some((_, rules)) = classes.get_mut(*class) {
                            rules.insert(number);
                        }
                    }
                }
            }
            match &rule.methods {
                None => insert(&mut policy.any_method, number),
                Some(names) => methods.extend(names.iter().map(|name| (&**name, number))),
            }
            match &rule.paths {
                None => insert(&mut policy.any_path, number),
                Some(patterns) => {
                    let table = match rule.effect {
                        Effect::Deny => &mut policy.deny_paths,
                        Effect::Allow => &mut policy.allow_paths,
                    };
                    patterns.iter().for_each(|pattern| table.insert(pattern, number));
                }
            }
        }
        policy.principals = Principals::new(classes);
        policy.methods = by_method(methods);
        policy
    }
}

/// A set that holds no rule yet.
#[inline(never)]
fn none(words: usize) -> Bits {
    vec![0; words].into_boxed_slice()
}

fn by_method(mut pairs: Vec<(&str, u16)>) -> Vec<(Box<str>, RuleSet)> {
    order::sort_unstable(&mut pairs);
    let mut methods: Vec<(Box<str>, RuleSet)> = Vec::new();
    for (name, rule) in pairs {
        match methods.last_mut() {
            Some((last, rules)) if **last == *name => rules.insert(rule),
            _ => {
                let mut rules = RuleSet::default();
                rules.insert(rule);
                methods.push((name.to_string().into(), rules));
            }
        }
    }
    methods
}
