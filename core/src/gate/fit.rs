//! Whether a policy and a source fit each other.

use alloc::vec::Vec;

use crate::limits::HostLimits;
use crate::load::{LoadCode, LoadError, LoadErrors, Place, add_in_order};
use crate::policy::document::{From, PolicyDocument, Uses};
use crate::policy::principal::Attribute;
use crate::source::Needs;
use crate::source::document::{Preset, SourceDocument, Validity};

/// What a source can never give to this policy, and what this host can never know.
pub(super) fn misfits(source: &SourceDocument, policy: &PolicyDocument, limits: HostLimits) -> LoadErrors {
    let carries = |attribute| source.carries(attribute);
    let mut errors = LoadErrors::new();
    let mut refuse = |code: LoadCode, place: &Place| {
        // Groups and rules may stand in any order, and errors are told in that of the file.
        let error = LoadError { code, place: place.clone(), hint: code.hint() };
        add_in_order(&mut errors, error, |error| &error.place);
    };
    let unverifiable = source.preset == Preset::Connection
        && source.require_verified
        && !source.verified_by_listener
        && !limits.knows_verification;
    if unverifiable {
        refuse(LoadCode::VerifiedByRequired, &source.place);
    }
    if source.validity == Validity::Required
        && !carries(Attribute::Validity)
        && let Some(place) = &source.validity_place
    {
        refuse(LoadCode::AttributeNotCarried, place);
    }
    if let Some(place) = &policy.trust_domains_place
        && !carries(Attribute::Uri)
    {
        refuse(LoadCode::AttributeNotCarried, place);
    }
    let mut used: Vec<bool> = policy.groups.iter().map(|_| false).collect();
    for rule in &policy.rules {
        if let From::AnyOf { groups, .. } = &rule.from {
            groups.iter().for_each(|group| used.get_mut(*group).into_iter().for_each(|used| *used = true));
        }
    }
    let groups = policy.groups.iter().zip(used).filter(|(_, used)| *used).map(|(group, _)| &group.uses);
    for (attribute, place) in groups.chain(policy.rules.iter().map(|rule| &rule.uses)).flatten() {
        if !carries(*attribute) {
            refuse(LoadCode::AttributeNotCarried, place);
        }
    }
    errors
}

/// What the rules ask of a caller, and so what a source must not leave out.
pub(super) fn needs(policy: &PolicyDocument) -> Needs {
    let mut needs = Needs { subject: false, issuer: false, uri: policy.trust_domains.is_some() };
    let mut note = |uses: &Uses| {
        for (attribute, _) in uses {
            needs.subject |= *attribute == Attribute::Subject;
            needs.issuer |= *attribute == Attribute::Issuer;
            needs.uri |= *attribute == Attribute::Uri;
        }
    };
    for rule in &policy.rules {
        note(&rule.uses);
        if let From::AnyOf { groups, .. } = &rule.from {
            groups.iter().filter_map(|group| policy.groups.get(*group)).for_each(|group| note(&group.uses));
        }
    }
    needs
}
