//! Names of one document, each once: the keys of an object, its groups, its rules.
//!
//! One table for all of them, since every kind of set or map that is used is code of its own.

use alloc::borrow::Cow;
use core::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Names, numbered as they came.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    table: HashTable<(Cow<'a, str>, usize)>,
    hasher: FixedState,
}

impl<'a> Names<'a> {
    pub(crate) const fn new() -> Self {
        Self { table: HashTable::new(), hasher: FixedState::with_seed(0) }
    }

    /// Whether the name is a new one; it then has the next number, from 0.
    #[inline(never)]
    pub(crate) fn insert(&mut self, name: Cow<'a, str>) -> bool {
        let hash = hash_of(&self.hasher, &name);
        if self.table.find(hash, |(known, _)| *known == name).is_some() {
            return false;
        }
        let number = self.table.len();
        let Self { table, hasher } = self;
        table.insert_unique(hash, (name, number), |(name, _)| hash_of(hasher, name));
        true
    }

    /// The number of a name.
    #[inline(never)]
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let found = self.table.find(hash_of(&self.hasher, name), |(known, _)| *known == name);
        found.map(|(_, number)| *number)
    }
}

fn hash_of(state: &FixedState, name: &str) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(name.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_new_once_and_has_the_number_of_its_place() {
        let mut names = Names::new();
        for number in 0..1_000_usize {
            assert!(names.insert(Cow::Owned(alloc::format!("name-{number}"))));
        }
        assert!(!names.insert(Cow::Borrowed("name-7")));
        assert_eq!(names.find("name-7"), Some(7));
        assert_eq!(names.find("name-999"), Some(999));
        assert_eq!(names.find("name-1000"), None);
        assert!(names.insert(Cow::Borrowed("name-1000")));
        assert_eq!(names.find("name-1000"), Some(1_000));
    }
}
