//! What a caller's certificate says, compared with what principals ask.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use subtle::ConstantTimeEq;

use super::principal::{Atom, NameRole, Term, is_under};
use super::principals::{Key, Kind, Principals};
use crate::credential::Credential;

/// Whether a principal is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    No,
    /// Met as far as deny rules go: a common name of a subject that has several.
    DenyOnly,
    Yes,
}

impl From<bool> for Match {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// An authenticated caller.
#[derive(Debug)]
pub(crate) struct Facts<'c, 'a> {
    /// The certificate.
    pub(crate) credential: &'c Credential<'a>,
    /// The SPIFFE ID: the only URI name, valid, with a path.
    pub(crate) spiffe: Option<&'c str>,
}

/// DNS names are at most 253 bytes; a longer one is nobody's.
const DNS_BYTES: usize = 253;

impl Facts<'_, '_> {
    /// Adds the rules that have a principal for this caller to `bits`.
    pub(super) fn look_up(&self, table: &Principals, deny: &[u64], bits: &mut [u64]) {
        let mut find = |kind: Kind, first: &[u8], second: &[u8], found: Match| {
            table.look_up(Key { kind, first, second }, found, self, deny, bits);
        };
        let yes = Match::Yes;
        if table.has(Kind::Sha256) {
            find(Kind::Sha256, &self.credential.sha256, &[], yes);
        }
        if let Some(id) = self.spiffe {
            if table.has(Kind::Spiffe) {
                find(Kind::Spiffe, id.as_bytes(), &[], yes);
            }
            if table.has(Kind::SpiffeUnder) {
                for prefix in spiffe_prefixes(id) {
                    find(Kind::SpiffeUnder, prefix.as_bytes(), &[], yes);
                }
            }
        } else if table.has(Kind::Uri) {
            self.credential.names.uris().for_each(|uri| find(Kind::Uri, uri.as_bytes(), &[], yes));
        }
        if table.has(Kind::Dns) || table.has(Kind::DnsUnder) {
            for name in self.credential.names.dns().filter(|name| name.len() <= DNS_BYTES) {
                let name = lower(&name);
                find(Kind::Dns, name.as_bytes(), &[], yes);
                if table.has(Kind::DnsUnder) {
                    dns_parents(&name).for_each(|parent| find(Kind::DnsUnder, parent.as_bytes(), &[], yes));
                }
            }
        }
        if let Some(subject) = &self.credential.subject {
            if table.has(Kind::Subject) {
                let mut canonical = Vec::new();
                subject.write_canonical(&mut canonical);
                find(Kind::Subject, &canonical, &[], yes);
            }
            if table.has(Kind::SubjectAttribute) {
                let cn = self.common_name();
                for attribute in subject.attributes().filter(|attribute| attribute.is_text) {
                    let found = if attribute.ty.is_common_name() { cn } else { yes };
                    let value = attribute.value.as_bytes();
                    find(Kind::SubjectAttribute, attribute.ty.oid().as_bytes(), value, found);
                }
            }
        }
    }

    /// Whether a whole principal holds.
    pub(super) fn holds(&self, term: &Term) -> Match {
        match term {
            Term::Is(atom) => self.is(atom),
            Term::Any(terms) => terms.iter().map(|term| self.holds(term)).max().unwrap_or(Match::No),
            Term::All(terms) => terms.iter().map(|term| self.holds(term)).min().unwrap_or(Match::No),
        }
    }

    fn is(&self, atom: &Atom) -> Match {
        let names = &self.credential.names;
        match atom {
            Atom::Spiffe(id) => (self.spiffe == Some(id)).into(),
            Atom::SpiffeUnder(prefix) => self.spiffe.is_some_and(|id| is_under(id, prefix)).into(),
            Atom::Uri(uri) => (self.spiffe.is_none() && names.uris().any(|name| *name == **uri)).into(),
            Atom::Dns(dns) => names.dns().any(|name| name.eq_ignore_ascii_case(dns)).into(),
            Atom::DnsUnder(parent) => names
                .dns()
                .any(|name| dns_parents(&lower(&name)).any(|candidate| candidate == &**parent))
                .into(),
            Atom::Name(NameRole::Subject, name) => self
                .credential
                .subject
                .is_some_and(|subject| {
                    let mut canonical = Vec::new();
                    subject.write_canonical(&mut canonical);
                    canonical == **name
                })
                .into(),
            Atom::NameAttribute { role: NameRole::Subject, oid, value } => {
                let attributes = self.credential.subject.iter().flat_map(|subject| subject.attributes());
                let mut equal = attributes.filter(|attribute| {
                    attribute.is_text && attribute.ty.oid() == &**oid && attribute.value == **value
                });
                match equal.next() {
                    None => Match::No,
                    Some(attribute) if attribute.ty.is_common_name() => self.common_name(),
                    Some(_) => Match::Yes,
                }
            }
            Atom::Sha256(hash) => bool::from(self.credential.sha256.ct_eq(hash)).into(),
            // No source of today carries these; a policy that asks for them does not load.
            Atom::Name(NameRole::Issuer, _)
            | Atom::NameAttribute { role: NameRole::Issuer, .. }
            | Atom::Ip(_)
            | Atom::Email(_)
            | Atom::Serial(_)
            | Atom::Extension { .. } => Match::No,
        }
    }

    /// What a common name that is equal counts for.
    fn common_name(&self) -> Match {
        let names = self.credential.subject.iter().flat_map(|subject| subject.attributes());
        match names.filter(|attribute| attribute.ty.is_common_name()).take(2).count() {
            1 => Match::Yes,
            _ => Match::DenyOnly,
        }
    }
}

/// The trust domain, each `/` boundary, and the ID itself.
fn spiffe_prefixes(id: &str) -> impl Iterator<Item = &str> {
    // Eight bytes are `spiffe:/`, so the first boundary is the end of the trust domain.
    let boundaries = id.match_indices('/').map(|(at, _)| at).skip(2);
    boundaries.chain([id.len()]).filter_map(move |end| id.get(..end))
}

/// The names under which a DNS name stands: what follows each dot that has a label before it.
fn dns_parents(name: &str) -> impl Iterator<Item = &str> {
    let counts = !name.contains('*') && !name.starts_with('.');
    name.match_indices('.').filter(move |_| counts).filter_map(|(at, _)| name.get(at.saturating_add(1)..))
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_an_id_end_at_boundaries() {
        let prefixes: Vec<_> = spiffe_prefixes("spiffe://td/a/b").collect();
        assert_eq!(prefixes, ["spiffe://td", "spiffe://td/a", "spiffe://td/a/b"]);
    }

    #[test]
    fn parents_of_a_dns_name() {
        assert_eq!(dns_parents("a.b.c").collect::<Vec<_>>(), ["b.c", "c"]);
        for none in ["a", "*.b.c", ".b.c", ""] {
            assert_eq!(dns_parents(none).count(), 0, "{none}");
        }
    }
}
