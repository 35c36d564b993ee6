//! What was made of texts, a few of them kept: callers come again, and what a proxy writes for one is
//! the same text each time.

#[cfg(not(feature = "x509"))]
pub(crate) use without_std::Kept;

#[cfg(feature = "x509")]
pub(crate) use with_std::Kept;

/// Feature `x509` is also what brings a standard library.
#[cfg(feature = "x509")]
mod with_std {
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use core::hash::{BuildHasher, Hasher};
    use std::sync::{Mutex, PoisonError};

    use foldhash::fast::FixedState;

    /// How many texts share a place.
    const WAYS: usize = 4;

    /// Bytes at the end of a text by which its place is found.
    const END: usize = 192;

    /// At most so many texts of at most so many bytes, and what each was made into.
    #[derive(Debug)]
    pub(crate) struct Kept<V, const COUNT: usize, const BYTES: usize> {
        sets: Mutex<Vec<Set<V>>>,
        hasher: FixedState,
    }

    /// The newest first.
    type Set<V> = Vec<Entry<V>>;

    #[derive(Debug)]
    struct Entry<V> {
        /// Of its end; only where this is the same, the texts are compared.
        hash: u64,
        text: Box<[u8]>,
        value: V,
    }

    impl<V: Clone, const COUNT: usize, const BYTES: usize> Kept<V, COUNT, BYTES> {
        const SETS: usize = COUNT / WAYS;

        pub(crate) const fn new() -> Self {
            Self { sets: Mutex::new(Vec::new()), hasher: FixedState::with_seed(0) }
        }

        /// What was kept of this very text.
        pub(crate) fn find(&self, text: &[u8]) -> Option<V> {
            let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            if sets.is_empty() {
                return None;
            }
            let hash = self.hash(text);
            let is_found = |entry: &&Entry<V>| entry.hash == hash && is_same(&entry.text, text);
            let entry = sets.get(Self::set_of(hash))?.iter().find(is_found)?;
            Some(entry.value.clone())
        }

        /// Keeps what was made of a text, if that is not too long. It must depend on nothing else and
        /// be the same each time.
        pub(crate) fn keep(&self, text: &[u8], value: V) {
            if text.len() > BYTES {
                return;
            }
            let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            if sets.is_empty() {
                sets.resize_with(Self::SETS, Vec::new);
            }
            let hash = self.hash(text);
            if let Some(set) = sets.get_mut(Self::set_of(hash)) {
                set.truncate(WAYS.saturating_sub(1));
                set.insert(0, Entry { hash, text: text.into(), value });
            }
        }

        /// Of the end of a text.
        fn hash(&self, text: &[u8]) -> u64 {
            let mut hasher = self.hasher.build_hasher();
            hasher.write_usize(text.len());
            hasher.write(text.last_chunk::<END>().map_or(text, |end| end));
            hasher.finish()
        }

        /// Where a text stands, if it is kept: which of a set it is, only the whole tells.
        fn set_of(hash: u64) -> usize {
            // The low bits, for as many sets as a power of two.
            const { assert!(Self::SETS.is_power_of_two()) };
            usize::try_from(hash & const { Self::SETS as u64 - 1 }).unwrap_or_default()
        }

        /// How many texts are kept.
        #[cfg(test)]
        pub(crate) fn count(&self) -> usize {
            self.sets.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Vec::len).sum()
        }
    }

    /// Whether two texts are equal, eight bytes at a time: WebAssembly compares slices byte by byte.
    fn is_same(a: &[u8], b: &[u8]) -> bool {
        let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
        let word = |word: &[u8; 8]| u64::from_ne_bytes(*word);
        a.len() == b.len() && a_words.iter().map(word).eq(b_words.iter().map(word)) && a_rest == b_rest
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn texts_that_differ_anywhere_are_two() {
            for length in [0, 1, 7, 8, 9, 31, 64, 200] {
                let text = alloc::vec![7; length];
                assert!(is_same(&text, &text.clone()));
                assert!(!is_same(&text, &[&text[..], b"x"].concat()));
                for at in 0..length {
                    let mut other = text.clone();
                    other[at] ^= 1;
                    assert!(!is_same(&text, &other), "{length} {at}");
                }
            }
        }

        #[test]
        fn a_text_gets_what_was_kept_of_it_or_nothing() {
            let kept: Kept<usize, 64, 300> = Kept::new();
            assert_eq!(kept.find(b""), None);
            // Texts with one end share a set, and all others have the chance to.
            for end in ["", &"e".repeat(END)] {
                for number in 0..1_000 {
                    let text = alloc::format!("{number}{end}");
                    assert_eq!(kept.find(text.as_bytes()), None);
                    kept.keep(text.as_bytes(), number);
                    assert_eq!(kept.find(text.as_bytes()), Some(number));
                    for earlier in 0..number {
                        let found = kept.find(alloc::format!("{earlier}{end}").as_bytes());
                        assert!(found.is_none_or(|found| found == earlier));
                    }
                }
                assert!((4..=64).contains(&kept.count()), "{}", kept.count());
            }
            let long = [b'a'; 301];
            kept.keep(&long, 1);
            assert_eq!(kept.find(&long), None);
            kept.keep(&long[1..], 2);
            assert_eq!(kept.find(&long[1..]), Some(2));
        }
    }
}

/// Nothing is kept where there is no lock to keep it behind.
#[cfg(not(feature = "x509"))]
mod without_std {
    use core::marker::PhantomData;

    #[derive(Debug)]
    pub(crate) struct Kept<V, const COUNT: usize, const BYTES: usize>(PhantomData<V>);

    impl<V, const COUNT: usize, const BYTES: usize> Kept<V, COUNT, BYTES> {
        pub(crate) const fn new() -> Self {
            Self(PhantomData)
        }

        pub(crate) const fn find(&self, _text: &[u8]) -> Option<V> {
            None
        }

        pub(crate) fn keep(&self, _text: &[u8], _value: V) {}
    }
}
