//! The principals of a policy as one table: what a request costs does not depend on how many there are.
//!
//! Every comparison of the document is an entry under the bytes it compares with. A credential's
//! names are looked up one by one; an entry leads to *classes* (a group, or the principals written in
//! one rule), and a class is a set of rules. A principal with several conditions is a formula over
//! entries; the condition whose values occur least often leads to it, and the formula is checked,
//! once, when that one is met.

use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use subtle::ConstantTimeEq;

use super::bits::RuleSet;
use super::matching::Match;
use super::met::{self, EntryNumber, Formula, Met};
use super::principal::{Atom, Term};
use crate::order;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    number: EntryNumber,
    /// The newest link; links form a list. [`NO_LINK`] where only formulas ask for the entry.
    link: u32,
}

#[derive(Debug)]
struct Link {
    hit: Hit,
    next: u32,
}

/// The end of a list of links, of which there are never so many.
const NO_LINK: u32 = u32::MAX;

#[derive(Debug)]
struct Compound {
    formula: Formula,
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
    /// Bytes of the longest name under `DnsUnder`: a longer parent need not be looked up.
    longest_dns_under: usize,
    hasher: FixedState,
}

/// How often entries occur in principals of several conditions, by number.
type Counts = Vec<u32>;

impl Principals {
    /// `classes`: principals and the rules they are for.
    #[inline(never)]
    pub(super) fn new(classes: Vec<(&[Term], RuleSet)>) -> Self {
        let mut table = Self {
            entries: HashTable::new(),
            text: Vec::new(),
            links: Vec::new(),
            compounds: Vec::new(),
            classes: Vec::new(),
            kinds: 0,
            longest_dns_under: 0,
            hasher: FixedState::with_seed(0),
        };
        let mut counts = Counts::new();
        for (terms, _) in &classes {
            for term in *terms {
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

    fn count(&mut self, term: &Term, compound: bool, counts: &mut Counts) {
        match term {
            Term::Is(atom) if compound => {
                let number = usize::try_from(self.enter(atom, None)).unwrap_or(usize::MAX);
                // Nothing else was entered yet, so a new entry has the next number.
                if number == counts.len() {
                    counts.push(0);
                }
                if let Some(count) = counts.get_mut(number) {
                    *count = count.saturating_add(1);
                }
            }
            Term::Is(_) => {}
            Term::Any(terms) => terms.iter().for_each(|term| self.count(term, compound, counts)),
            Term::All(terms) => terms.iter().for_each(|term| self.count(term, terms.len() > 1, counts)),
        }
    }

    fn enter_term(&mut self, term: &Term, class: u32, counts: &Counts) {
        match term {
            Term::Is(atom) => self.link(atom, Hit::Class(class)),
            Term::Any(terms) => terms.iter().for_each(|term| self.enter_term(term, class, counts)),
            Term::All(terms) => match terms.as_slice() {
                [only] => self.enter_term(only, class, counts),
                _ => {
                    let number = index(self.compounds.len());
                    let formula = self.formula(term);
                    self.compounds.push(Compound { formula, class });
                    self.enter_trigger(term, Hit::Compound(number), counts);
                }
            },
        }
    }

    fn enter_trigger(&mut self, term: &Term, hit: Hit, counts: &Counts) {
        match term {
            Term::Is(atom) => self.link(atom, hit),
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
            Term::Is(atom) => {
                let entry = self.find(key(atom)).and_then(|entry| usize::try_from(entry.number).ok());
                entry.and_then(|number| counts.get(number)).copied().unwrap_or(0)
            }
            Term::Any(terms) => terms.iter().map(|term| self.occurrences(term, counts)).max().unwrap_or(0),
            Term::All(terms) => terms.iter().map(|term| self.occurrences(term, counts)).min().unwrap_or(0),
        }
    }

    /// The same over entries. As deep as the term, and that as the document.
    fn formula(&mut self, term: &Term) -> Formula {
        match term {
            Term::Is(atom) => Formula::Is(self.enter(atom, None)),
            Term::Any(terms) => {
                let (mut entries, mut others) = (Vec::with_capacity(terms.len()), Vec::new());
                for term in terms {
                    match self.formula(term) {
                        Formula::Is(entry) => entries.push(entry),
                        other => others.push(other),
                    }
                }
                order::sort_unstable(&mut entries);
                entries.dedup();
                Formula::Any(entries.into(), others.into())
            }
            Term::All(terms) => Formula::All(terms.iter().map(|term| self.formula(term)).collect()),
        }
    }

    fn link(&mut self, atom: &Atom, hit: Hit) {
        self.enter(atom, Some(hit));
    }

    /// The number of the atom's entry, which is made if it is not there and leads to `hit` from now on.
    fn enter(&mut self, atom: &Atom, hit: Option<Hit>) -> EntryNumber {
        let key = key(atom);
        self.kinds |= key.kind.bit();
        if key.kind == Kind::DnsUnder {
            self.longest_dns_under = self.longest_dns_under.max(key.first.len());
        }
        let Self { entries, text, links, hasher, .. } = self;
        let hash = hash_of(hasher, key);
        if let Some(entry) = entries.find_mut(hash, |entry| entry.is(key, text)) {
            let newest = usize::try_from(entry.link).ok().and_then(|link| links.get(link));
            // Terms come class by class, so a repeat stands first.
            if let Some(hit) = hit.filter(|hit| newest.is_none_or(|link| link.hit != *hit)) {
                let next = entry.link;
                entry.link = index(links.len());
                links.push(Link { hit, next });
            }
            return entry.number;
        }
        let start = index(text.len());
        text.extend_from_slice(key.first);
        text.extend_from_slice(key.second);
        let lens = (index(key.first.len()), index(key.second.len()));
        let mut link = NO_LINK;
        if let Some(hit) = hit {
            link = index(links.len());
            links.push(Link { hit, next: NO_LINK });
        }
        let number = index(entries.len());
        let entry = Entry { kind: key.kind, start, lens, number, link };
        entries.insert_unique(hash, entry, |entry| hash_of(hasher, entry.key(text)));
        number
    }

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.kinds & kind.bit() != 0
    }

    /// Bytes of the longest `dnsUnder`.
    pub(super) const fn longest_dns_under(&self) -> usize {
        self.longest_dns_under
    }

    fn find(&self, key: Key<'_>) -> Option<&Entry> {
        self.entries.find(hash_of(&self.hasher, key), |entry| entry.is(key, &self.text))
    }

    /// Looks a name up and notes the entry, if there is one.
    pub(super) fn look_up(&self, key: Key<'_>, found: Match, met: &mut Met) {
        if let Some(entry) = self.find(key) {
            met.note(met::Entry { number: entry.number, link: entry.link, found });
        }
    }

    /// Adds the rules for which principals are met to `bits`; those that are met for denying only
    /// (`Match::DenyOnly`) are cut down to `deny`.
    pub(super) fn add_rules(&self, met: &mut Met, deny: &[u64], bits: &mut [u64]) {
        let met = met.sorted();
        let mut compounds: Vec<u32> = Vec::new();
        for entry in met {
            let mut next = entry.link;
            while let Some(link) = usize::try_from(next).ok().and_then(|link| self.links.get(link)) {
                next = link.next;
                match link.hit {
                    Hit::Class(class) => self.add_class(class, entry.found, deny, bits),
                    Hit::Compound(number) => compounds.push(number),
                }
            }
        }
        // Several alternatives may lead to one principal.
        order::sort_unstable(&mut compounds);
        compounds.dedup();
        for number in compounds {
            if let Some(compound) = usize::try_from(number).ok().and_then(|at| self.compounds.get(at)) {
                self.add_class(compound.class, compound.formula.holds(met), deny, bits);
            }
        }
    }

    fn add_class(&self, class: u32, found: Match, deny: &[u64], bits: &mut [u64]) {
        let rules = usize::try_from(class).ok().and_then(|class| self.classes.get(class));
        match (rules, found) {
            (None, _) | (_, Match::No) => {}
            (Some(rules), Match::DenyOnly) => rules.add_masked_to(bits, deny),
            (Some(rules), Match::Yes) => rules.add_to(bits),
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
