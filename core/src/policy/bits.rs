//! Sets of rules: bits by rule number.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::limits::RULES;

/// Words that a set over all rules may need.
pub(super) const WORDS: usize = RULES.div_ceil(64);

/// A set over the rules of one policy: as many words as it needs.
pub(crate) type Bits = Box<[u64]>;

/// Adds a rule to a set. A rule past the end is not added: there are at most [`RULES`].
pub(super) fn insert(bits: &mut [u64], rule: u16) {
    let (word, bit) = (usize::from(rule >> 6), rule & 63);
    if let Some(word) = bits.get_mut(word) {
        *word |= 1_u64 << bit;
    }
}

/// Whether a rule is in a set.
pub(super) fn contains(bits: &[u64], rule: u16) -> bool {
    bits.get(usize::from(rule >> 6)).is_some_and(|word| word & (1_u64 << (rule & 63)) != 0)
}

/// The first rule that is in both sets.
pub(super) fn first_of_both(a: &[u64], b: &[u64]) -> Option<u16> {
    a.iter().zip(b).zip((0_u16..).step_by(64)).find_map(|((a, b), base)| {
        let both = a & b;
        (both != 0).then(|| base.saturating_add(u16::try_from(both.trailing_zeros()).unwrap_or(0)))
    })
}

/// A set of rules in a table, in the form that takes the least room: tables stay linear in the
/// document although every one of many sets could hold every one of many rules.
#[derive(Clone, Debug, Default)]
pub(super) enum RuleSet {
    #[default]
    Empty,
    Few(Vec<u16>),
    Many(Vec<u64>),
}

impl RuleSet {
    /// Rules come in ascending order.
    pub(super) fn insert(&mut self, rule: u16) {
        let words = usize::from(rule >> 6).saturating_add(1);
        match self {
            Self::Empty => *self = Self::Few(vec![rule]),
            Self::Few(rules) => {
                // A repeat stands at the end.
                if rules.last() != Some(&rule) {
                    rules.push(rule);
                }
                if rules.len() > words.saturating_mul(4) {
                    let mut bits = vec![0_u64; words];
                    rules.iter().for_each(|rule| insert(&mut bits, *rule));
                    *self = Self::Many(bits);
                }
            }
            Self::Many(bits) => {
                bits.resize(words.max(bits.len()), 0);
                insert(bits, rule);
            }
        }
    }

    /// Adds the set to `bits`.
    pub(super) fn add_to(&self, bits: &mut [u64]) {
        match self {
            Self::Empty => {}
            Self::Few(rules) => rules.iter().for_each(|rule| insert(bits, *rule)),
            Self::Many(words) => bits.iter_mut().zip(words.iter()).for_each(|(bits, word)| *bits |= word),
        }
    }

    /// Adds those of the set that are in `mask` to `bits`.
    pub(super) fn add_masked_to(&self, bits: &mut [u64], mask: &[u64]) {
        match self {
            Self::Empty => {}
            Self::Few(rules) => {
                rules.iter().filter(|rule| contains(mask, **rule)).for_each(|rule| insert(bits, *rule));
            }
            Self::Many(words) => bits
                .iter_mut()
                .zip(words.iter())
                .zip(mask)
                .for_each(|((bits, word), mask)| *bits |= word & mask),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_whatever_its_form() {
        let mut set = RuleSet::default();
        let mut bits = [0; WORDS];
        for rule in (0..4096).step_by(3) {
            set.insert(rule);
            set.insert(rule);
        }
        assert!(matches!(set, RuleSet::Many(_)));
        set.add_to(&mut bits);
        for rule in 0..4096 {
            assert_eq!(contains(&bits, rule), rule % 3 == 0, "{rule}");
        }
        let mut few = RuleSet::default();
        few.insert(4095);
        assert!(matches!(few, RuleSet::Few(_)));
        let mut bits = [0; WORDS];
        few.add_to(&mut bits);
        assert_eq!(first_of_both(&bits, &[u64::MAX; WORDS]), Some(4095));
        let mut masked = [0; WORDS];
        set.add_masked_to(&mut masked, &[1 << 3]);
        assert_eq!(first_of_both(&masked, &[u64::MAX; WORDS]), Some(3));
        assert_eq!(masked.iter().map(|word| word.count_ones()).sum::<u32>(), 1);
    }
}
