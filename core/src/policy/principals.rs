//! The principals of a policy as one table: what a request costs does not depend on how many there are.
//!
//! Every comparison of the document is an entry under the bytes it compares with. A credential's
//! names are looked up one by one; an entry leads to *classes* (a group, or the principals written in
//! one rule), and a class is a set of rules. A principal with several conditions is entered under
//! the condition whose values occur least often, and its others are checked when that one is met.

use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use subtle::ConstantTimeEq;

use super::bits::RuleSet;
use super::matching::{Facts, Match};
use super::principal::{Atom, Term};

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Spiffe,
    SpiffeUnder,
    Uri,
    Dns,
    DnsUnder,
    Ip,
    Email,
    Subject,
    Issuer,
    SubjectAttribute,
    IssuerAttribute,
    Serial,
    Sha256,
    Extension,
}

/// What a table is entered and looked up by: one part, or an OID and a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) kind: Kind,
    pub(super) first: &'a [u8],
    pub(super) second: &'a [u8],
}

/// What an entry leads to.
#[derive(Clone, Copy, Debug)]
enum Hit {
    /// The principal is met: its class.
    Class(u32),
    /// One condition of the principal is met: its number in `compounds`.
    Compound(u32),
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    start: u32,
    /// Bytes of the first part, and of the second.
    lens: (u32, u32),
    /// The newest link; links form a list.
    link: u32,
}

#[derive(Debug)]
struct Link {
    hit: Hit,
    next: Option<u32>,
}

#[derive(Debug)]
struct Compound {
    term: Term,
    class: u32,
}

/// All principals of a policy.
#[derive(Debug)]
pub(super) struct Principals {
    entries: HashTable<Entry>,
    text: Vec<u8>,
    links: Vec<Link>,
    compounds: Vec<Compound>,
    classes: Vec<RuleSet>,
    /// Bit `kind` is set when there is an entry of it.
    kinds: u16,
    hasher: FixedState,
}

/// How often the values of conditions occur in principals of several conditions.
type Counts = HashMap<u64, u32, FixedState>;

impl Principals {
    /// `classes`: principals and the rules they are for.
    pub(super) fn new<'d>(classes: impl Iterator<Item = (&'d [Term], RuleSet)> + Clone) -> Self {
        let mut table = Self {
            entries: HashTable::new(),
            text: Vec::new(),
            links: Vec::new(),
            compounds: Vec::new(),
            classes: Vec::new(),
            kinds: 0,
            hasher: FixedState::with_seed(0),
        };
        let mut counts = Counts::with_hasher(FixedState::with_seed(0));
        for (terms, _) in classes.clone() {
            for term in terms {
                table.count(term, false, &mut counts);
            }
        }
        for (terms, rules) in classes {
            let class = index(table.classes.len());
            table.classes.push(rules);
            for term in terms {
                table.enter_term(term, class, &counts);
            }
        }
        table
    }

    fn count(&self, term: &Term, compound: bool, counts: &mut Counts) {
        match term {
            Term::Is(atom) if compound => {
                let count = counts.entry(hash_of(&self.hasher, key(atom))).or_insert(0);
                *count = count.saturating_add(1);
            }
            Term::Is(_) => {}
            Term::Any(terms) => terms.iter().for_each(|term| self.count(term, compound, counts)),
            Term::All(terms) => terms.iter().for_each(|term| self.count(term, terms.len() > 1, counts)),
        }
    }

    fn enter_term(&mut self, term: &Term, class: u32, counts: &Counts) {
        match term {
            Term::Is(atom) => self.enter(atom, Hit::Class(class)),
            Term::Any(terms) => terms.iter().for_each(|term| self.enter_term(term, class, counts)),
            Term::All(terms) => match terms.as_slice() {
                [only] => self.enter_term(only, class, counts),
                _ => {
                    let number = index(self.compounds.len());
                    self.compounds.push(Compound { term: term.clone(), class });
                    self.enter_trigger(term, Hit::Compound(number), counts);
                }
            },
        }
    }

    fn enter_trigger(&mut self, term: &Term, hit: Hit, counts: &Counts) {
        match term {
            Term::Is(atom) => self.enter(atom, hit),
            Term::Any(terms) => terms.iter().for_each(|term| self.enter_trigger(term, hit, counts)),
            Term::All(terms) => {
                if let Some(rarest) = terms.iter().min_by_key(|term| self.occurrences(term, counts)) {
                    self.enter_trigger(rarest, hit, counts);
                }
            }
        }
    }

    /// How many principals a look-up by this term would have to check, at worst.
    fn occurrences(&self, term: &Term, counts: &Counts) -> u32 {
        match term {
            Term::Is(atom) => counts.get(&hash_of(&self.hasher, key(atom))).copied().unwrap_or(0),
            Term::Any(terms) => terms.iter().map(|term| self.occurrences(term, counts)).max().unwrap_or(0),
            Term::All(terms) => terms.iter().map(|term| self.occurrences(term, counts)).min().unwrap_or(0),
        }
    }

    fn enter(&mut self, atom: &Atom, hit: Hit) {
        let key = key(atom);
        self.kinds |= key.kind.bit();
        let link = index(self.links.len());
        let Self { entries, text, links, hasher, .. } = self;
        let hash = hash_of(hasher, key);
        match entries.find_mut(hash, |entry| entry.is(key, text)) {
            Some(entry) => {
                links.push(Link { hit, next: Some(entry.link) });
                entry.link = link;
            }
            None => {
                let start = index(text.len());
                text.extend_from_slice(key.first);
                text.extend_from_slice(key.second);
                let lens = (index(key.first.len()), index(key.second.len()));
                links.push(Link { hit, next: None });
                let entry = Entry { kind: key.kind, start, lens, link };
                entries.insert_unique(hash, entry, |entry| hash_of(hasher, entry.key(text)));
            }
        }
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.kinds & kind.bit() != 0
    }

    /// Looks a name up and adds the rules it is for to `bits`; those that the name may only deny by
    /// (`Match::DenyOnly`) are cut down to `deny`.
    pub(super) fn look_up(
        &self,
        key: Key<'_>,
        found: Match,
        facts: &Facts<'_, '_>,
        deny: &[u64],
        bits: &mut [u64],
    ) {
        let hash = hash_of(&self.hasher, key);
        let entry = self.entries.find(hash, |entry| entry.is(key, &self.text));
        let mut next = entry.map(|entry| entry.link);
        while let Some(link) = next.and_then(|link| self.links.get(usize::try_from(link).ok()?)) {
            next = link.next;
            let (class, found) = match link.hit {
                Hit::Class(class) => (class, found),
                Hit::Compound(number) => {
                    let compound = usize::try_from(number).ok().and_then(|number| self.compounds.get(number));
                    let Some(compound) = compound else { continue };
                    (compound.class, facts.holds(&compound.term))
                }
            };
            let rules = usize::try_from(class).ok().and_then(|class| self.classes.get(class));
            let Some(rules) = rules else { continue };
            match found {
                Match::No => {}
                Match::DenyOnly => rules.add_masked_to(bits, deny),
                Match::Yes => rules.add_to(bits),
            }
        }
    }
}

impl Kind {
    const fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

impl Entry {
    fn key<'t>(&self, text: &'t [u8]) -> Key<'t> {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        let first = usize::try_from(self.lens.0).unwrap_or(usize::MAX);
        let second = usize::try_from(self.lens.1).unwrap_or(usize::MAX);
        let rest = text.get(start..).unwrap_or_default();
        let (first, rest) = rest.split_at_checked(first).unwrap_or_default();
        Key { kind: self.kind, first, second: rest.get(..second).unwrap_or_default() }
    }

    fn is(&self, key: Key<'_>, text: &[u8]) -> bool {
        if self.kind != key.kind {
            return false;
        }
        let own = self.key(text);
        if key.kind == Kind::Sha256 {
            // Fingerprints are public; a comparison in constant time costs nothing and leaves no
            // question open.
            return bool::from(own.first.ct_eq(key.first));
        }
        own.first == key.first && own.second == key.second
    }
}

fn key(atom: &Atom) -> Key<'_> {
    use super::principal::NameRole::{Issuer, Subject};
    let one = |kind, first| Key { kind, first, second: &[] };
    match atom {
        Atom::Spiffe(id) => one(Kind::Spiffe, id.as_bytes()),
        Atom::SpiffeUnder(id) => one(Kind::SpiffeUnder, id.as_bytes()),
        Atom::Uri(uri) => one(Kind::Uri, uri.as_bytes()),
        Atom::Dns(name) => one(Kind::Dns, name.as_bytes()),
        Atom::DnsUnder(name) => one(Kind::DnsUnder, name.as_bytes()),
        Atom::Ip(address) => one(Kind::Ip, address),
        Atom::Email(address) => one(Kind::Email, address.as_bytes()),
        Atom::Name(Subject, name) => one(Kind::Subject, name),
        Atom::Name(Issuer, name) => one(Kind::Issuer, name),
        Atom::NameAttribute { role, oid, value } => Key {
            kind: match role {
                Subject => Kind::SubjectAttribute,
                Issuer => Kind::IssuerAttribute,
            },
            first: oid.as_bytes(),
            second: value.as_bytes(),
        },
        Atom::Serial(serial) => one(Kind::Serial, serial),
        Atom::Sha256(hash) => one(Kind::Sha256, hash),
        Atom::Extension { oid, value } => {
            Key { kind: Kind::Extension, first: oid.as_bytes(), second: value.as_bytes() }
        }
    }
}

fn hash_of(state: &FixedState, key: Key<'_>) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write_u8(key.kind as u8);
    hasher.write(key.first);
    hasher.write(key.second);
    hasher.finish()
}

/// Tables hold at most as many entries as a document of 64 MiB has bytes.
fn index(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
