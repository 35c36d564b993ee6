//! Deny, then allow, over the compiled tables.

use alloc::vec;

use super::bits::{Bits, WORDS, contains, first_of_both};
use super::compile::Policy;
use super::matching::Facts;
use crate::decision::Verdict;
use crate::deployment::Responses;
use crate::reason::Reason;
use crate::target::Target;
use crate::trace::{Event, Trace};

/// What rules say: a reason and the rule that gave it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruling<'g> {
    pub(crate) reason: Reason,
    pub(crate) rule: Option<&'g str>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller<'c, 'a> {
    /// Nobody known: there is no certificate.
    Nobody,
    /// Somebody of whom this is known.
    Facts(&'c Facts<'c, 'a>),
    /// Somebody for whom these rules are ([`Policy::rules_for`]).
    Rules(&'c [u64]),
}

/// What the enforced rules say, and what all rules would say if those in shadow were enforced too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rulings<'g> {
    pub(crate) enforced: Ruling<'g>,
    pub(crate) with_shadow: Ruling<'g>,
}

impl Policy {
    /// Whether decisions carry a shadow verdict.
    pub(crate) const fn has_shadow(&self) -> bool {
        self.shadow_mode || self.has_shadow_rules
    }

    /// Whether the whole policy is in shadow.
    pub(crate) const fn is_shadow(&self) -> bool {
        self.shadow_mode
    }

    /// Names of all rules.
    pub(crate) fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The rules that can decide, by name, and whether each denies: none of those in shadow.
    pub(crate) fn deciding_rules(&self) -> impl Iterator<Item = (&str, bool)> {
        let rules = self.names.iter().zip(0_u16..).filter(|_| !self.shadow_mode);
        let enforced = rules.filter(|(_, rule)| contains(&self.enforced, *rule));
        enforced.map(|(name, rule)| (&**name, contains(&self.deny, rule)))
    }

    /// The rules whose `from` holds for a caller.
    pub(crate) fn rules_for(&self, caller: &Facts<'_, '_>) -> Bits {
        let mut rules = vec![0; self.deny.len()].into_boxed_slice();
        self.add_rules_from(Caller::Facts(caller), &mut rules);
        rules
    }

    /// Applies the rules to a request whose caller is authenticated or has no certificate.
    pub(crate) fn rule<T: Trace>(
        &self,
        method: &[u8],
        target: Target<'_>,
        caller: Caller<'_, '_>,
        trace: &mut T,
    ) -> Rulings<'_> {
        // Most policies have at most 64 rules; clearing room for 4,096 would cost more than deciding.
        match self.deny.len() {
            0 | 1 => self.rule_in::<1, T>(method, target, caller, trace),
            2..=8 => self.rule_in::<8, T>(method, target, caller, trace),
            _ => self.rule_in::<WORDS, T>(method, target, caller, trace),
        }
    }

    fn rule_in<const N: usize, T: Trace>(
        &self,
        method: &[u8],
        target: Target<'_>,
        caller: Caller<'_, '_>,
        trace: &mut T,
    ) -> Rulings<'_> {
        let mut from = [0; N];
        self.add_rules_from(caller, &mut from);
        let mut methods = [0; N];
        self.add_rules_for_method(method, &mut methods);
        let mut paths = [0; N];
        self.add_rules_for_target(target, &mut paths);
        if T::WATCHES {
            self.watch(&from, &methods, &paths, trace);
        }
        let mut hits = from;
        for (hit, (method, path)) in hits.iter_mut().zip(methods.iter().zip(&paths)) {
            *hit &= method & path;
        }
        let has_certificate = !matches!(caller, Caller::Nobody);
        let with_shadow = self.ruling(&hits, has_certificate);
        if !self.has_shadow_rules {
            return Rulings { enforced: with_shadow, with_shadow };
        }
        for (hit, enforced) in hits.iter_mut().zip(&self.enforced) {
            *hit &= enforced;
        }
        Rulings { enforced: self.ruling(&hits, has_certificate), with_shadow }
    }

    fn add_rules_from(&self, caller: Caller<'_, '_>, rules: &mut [u64]) {
        match caller {
            Caller::Rules(known) => add(known, rules),
            Caller::Nobody => add(&self.anyone, rules),
            Caller::Facts(caller) => {
                add(&self.anyone, rules);
                add(&self.authenticated, rules);
                caller.look_up(&self.principals, &self.deny, rules);
            }
        }
    }

    fn add_rules_for_method(&self, method: &[u8], rules: &mut [u64]) {
        add(&self.any_method, rules);
        if let Ok(at) = self.methods.binary_search_by(|(name, _)| name.as_bytes().cmp(method))
            && let Some((_, named)) = self.methods.get(at)
        {
            named.add_to(rules);
        }
    }

    fn add_rules_for_target(&self, target: Target<'_>, rules: &mut [u64]) {
        add(&self.any_path, rules);
        if let Target::Path(path) = target {
            self.deny_paths.look_up(path, rules);
            self.allow_paths.look_up(path, rules);
        }
    }

    fn ruling(&self, hits: &[u64], has_certificate: bool) -> Ruling<'_> {
        let name = |rule: u16| self.names.get(usize::from(rule)).map(|name| &**name);
        if let Some(rule) = first_of_both(hits, &self.deny) {
            return Ruling { reason: Reason::DeniedByRule, rule: name(rule) };
        }
        if let Some(rule) = first_of_both(hits, &self.allow) {
            return Ruling { reason: Reason::Allowed, rule: name(rule) };
        }
        let reason = if has_certificate { Reason::NoRule } else { Reason::NoCertificate };
        Ruling { reason, rule: None }
    }

    fn watch<T: Trace>(&self, from: &[u64], methods: &[u64], paths: &[u64], trace: &mut T) {
        for (name, rule) in self.names.iter().zip(0_u16..) {
            trace.event(Event::Rule {
                name,
                deny: contains(&self.deny, rule),
                shadow: !contains(&self.enforced, rule),
                from: contains(from, rule),
                methods: contains(methods, rule),
                paths: contains(paths, rule),
            });
        }
    }
}

fn add(set: &[u64], to: &mut [u64]) {
    to.iter_mut().zip(set).for_each(|(to, set)| *to |= set);
}

/// The verdict of a reason, with the statuses of the deployment.
pub(crate) fn verdict(reason: Reason, statuses: Responses) -> Verdict {
    match reason {
        Reason::Allowed | Reason::ShadowMode => Verdict::Allow,
        Reason::NoCertificate => Verdict::Deny { status: statuses.unauthenticated },
        Reason::AmbiguousRequest => Verdict::Deny { status: statuses.ambiguous },
        Reason::MalformedHeader
        | Reason::UnexpectedElement
        | Reason::UntrustedProxy
        | Reason::HashMismatch
        | Reason::Unverified
        | Reason::NotYetValid
        | Reason::Expired
        | Reason::AmbiguousIdentity
        | Reason::ForeignTrustDomain
        | Reason::DeniedByRule
        | Reason::NoRule => Verdict::Deny { status: statuses.forbidden },
    }
}
