//! Which entries of the principals' table a caller meets, and what that makes of formulas over them.
//!
//! A header may repeat a name thousands of times, and a table may hold a million names. So each entry
//! that is met is noted once, and a formula is asked about entries by their numbers: what that costs
//! does not grow with the header's length times the policy's, nor with either's square.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::matching::Match;
use crate::order;

/// An entry of the table, by number.
pub(super) type EntryNumber = u32;

/// A principal of several conditions. `All` and `Any` nest as deep as the document, at most.
#[derive(Debug)]
pub(super) enum Formula {
    /// This entry is met.
    Is(EntryNumber),
    /// At least one is: an entry (sorted by number), or another formula.
    Any(Box<[EntryNumber]>, Box<[Formula]>),
    /// All of them hold.
    All(Box<[Formula]>),
}

impl Formula {
    /// Whether the principal is met.
    pub(super) fn holds(&self, met: &[Entry]) -> Match {
        match self {
            Self::Is(number) => found(met, *number),
            Self::Any(entries, others) => {
                let others = others.iter().map(|formula| formula.holds(met)).max().unwrap_or(Match::No);
                others.max(any(met, entries))
            }
            Self::All(formulas) => {
                let mut least = Match::Yes;
                for formula in formulas {
                    least = least.min(formula.holds(met));
                    if least == Match::No {
                        break;
                    }
                }
                least
            }
        }
    }
}

fn found(met: &[Entry], number: EntryNumber) -> Match {
    let at = met.binary_search_by_key(&number, |entry| entry.number).ok();
    at.and_then(|at| met.get(at)).map_or(Match::No, |entry| entry.found)
}

/// The best of some entries. Goes through the shorter list and searches the longer one.
fn any(met: &[Entry], entries: &[EntryNumber]) -> Match {
    let best = if entries.len() <= met.len() {
        entries.iter().map(|number| found(met, *number)).max()
    } else {
        let among = met.iter().filter(|entry| entries.binary_search(&entry.number).is_ok());
        among.map(|entry| entry.found).max()
    };
    best.unwrap_or(Match::No)
}

/// An entry that is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its number.
    pub(super) number: EntryNumber,
    /// The first of its links.
    pub(super) link: u32,
    /// What it is met for; the best of all names that lead to the entry.
    pub(super) found: Match,
}

/// By number, and of one number the best first.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.number, other.found, self.link).cmp(&(other.number, self.found, other.link))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Callers rarely meet more entries than this; up to here nothing is allocated.
const FEW: usize = 8;

/// The entries that one caller meets.
#[derive(Debug)]
pub(super) struct Met {
    few: [Entry; FEW],
    count: usize,
    /// All of them, once there are more than a few.
    many: Vec<Entry>,
}

impl Met {
    pub(super) const fn new() -> Self {
        let none = Entry { number: 0, link: u32::MAX, found: Match::No };
        Self { few: [none; FEW], count: 0, many: Vec::new() }
    }

    /// Notes an entry.
    pub(super) fn note(&mut self, entry: Entry) {
        if !self.many.is_empty() {
            // Names come in runs; the rest of the repeats goes when all are there.
            let repeated = (entry.number, entry.found);
            if self.many.last().is_none_or(|last| (last.number, last.found) != repeated) {
                self.many.push(entry);
            }
            return;
        }
        let noted = self.few.get_mut(..self.count).unwrap_or_default();
        if let Some(other) = noted.iter_mut().find(|other| other.number == entry.number) {
            other.found = other.found.max(entry.found);
            return;
        }
        match self.few.get_mut(self.count) {
            Some(free) => {
                *free = entry;
                self.count = self.count.saturating_add(1);
            }
            None => {
                self.many.extend_from_slice(&self.few);
                self.many.push(entry);
            }
        }
    }

    /// Each entry once, sorted by number.
    pub(super) fn sorted(&mut self) -> &[Entry] {
        if self.many.is_empty() {
            let noted = self.few.get_mut(..self.count).unwrap_or_default();
            order::sort_unstable(noted);
            return noted;
        }
        order::sort_unstable(&mut self.many);
        self.many.dedup_by_key(|entry| entry.number);
        &self.many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(numbers: impl IntoIterator<Item = u32>) -> Met {
        let mut met = Met::new();
        for number in numbers {
            let found = if number == 3 { Match::DenyOnly } else { Match::Yes };
            met.note(Entry { number, link: 0, found });
        }
        met
    }

    fn numbers(met: &mut Met) -> Vec<u32> {
        met.sorted().iter().map(|entry| entry.number).collect()
    }

    #[test]
    fn an_entry_is_noted_once_however_often_it_is_met() {
        assert_eq!(numbers(&mut met([5, 1, 5, 1, 3])), [1, 3, 5]);
        assert_eq!(numbers(&mut met((0..40).chain(0..40).rev())), (0..40).collect::<Vec<_>>());
        let repeated = met(core::iter::repeat_n([1, 2, 2], 9_000).flatten());
        assert!(repeated.many.is_empty());
    }

    #[test]
    fn an_entry_counts_for_the_best_of_its_names() {
        let entry = |number, found| Entry { number, link: 0, found };
        for many in [0, 40] {
            for found in [[Match::DenyOnly, Match::Yes], [Match::Yes, Match::DenyOnly]] {
                let mut met = met((0..many).filter(|number| *number != 7));
                for found in found {
                    met.note(entry(7, found));
                    met.note(entry(50, Match::Yes));
                }
                let seen = met.sorted().iter().find(|entry| entry.number == 7).map(|entry| entry.found);
                assert_eq!(seen, Some(Match::Yes), "{many}");
                assert_eq!(numbers(&mut met).len(), many.max(2) as usize + usize::from(many > 0));
            }
        }
    }

    #[test]
    fn a_formula_is_asked_from_the_shorter_side() {
        let all = |numbers: core::ops::Range<u32>| Formula::Any(numbers.collect(), Box::new([]));
        for wide in [8, 1_000] {
            let mut met = met([3, 4, 7]);
            let met = met.sorted();
            assert_eq!(all(0..wide).holds(met), Match::Yes);
            assert_eq!(all(8..wide + 8).holds(met), Match::No);
            assert_eq!(Formula::All(Box::new([all(3..wide), Formula::Is(3)])).holds(met), Match::DenyOnly);
            assert_eq!(Formula::All(Box::new([all(3..wide), Formula::Is(5)])).holds(met), Match::No);
        }
        assert_eq!(all(0..4).holds(met([3]).sorted()), Match::DenyOnly);
        let other = Formula::Any(Box::new([9]), Box::new([Formula::Is(4)]));
        assert_eq!(other.holds(met([4]).sorted()), Match::Yes);
    }
}
