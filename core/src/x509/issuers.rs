//! The issuers that certificates were signed by, a few of them kept: callers are many, and few sign.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::{Mutex, PoisonError};

use super::{Name, read};

const COUNT: usize = 8;

/// More than an issuer's name has.
const BYTES: usize = 512;

/// At most eight names of at most 512 bytes, and what each was read as; the newest first.
#[derive(Debug)]
pub(crate) struct Issuers(Mutex<Vec<Issuer>>);

/// Its DER, and what that was read as.
type Issuer = (Box<[u8]>, Arc<Name>);

impl Issuers {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Reads a name that the walk has admitted, unless it was read before.
    pub(super) fn read(&self, der: &[u8]) -> Option<Arc<Name>> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, name)) = kept().iter().find(|(known, _)| **known == *der) {
            return Some(Arc::clone(name));
        }
        let name = Arc::new(read::name(der)?);
        if der.len() <= BYTES {
            let mut kept = kept();
            kept.truncate(COUNT.saturating_sub(1));
            kept.insert(0, (der.into(), Arc::clone(&name)));
        }
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `CN=` and this text.
    fn name(text: &str) -> Vec<u8> {
        let length = |more: usize| u8::try_from(text.len().wrapping_add(more)).expect("a short name");
        let front = [0x30, length(11), 0x31, length(9), 0x30, length(7), 6, 3, 0x55, 4, 3, 12, length(0)];
        [&front, text.as_bytes()].concat()
    }

    #[test]
    fn each_issuer_is_its_own_however_many_there_are() {
        let issuers = Issuers::new();
        for _ in 0..3 {
            for number in 0..3 * COUNT {
                let text = alloc::format!("authority {number}");
                for _ in 0..2 {
                    let read = issuers.read(&name(&text)).expect("a name");
                    assert_eq!(read.as_str(), ["CN=", &text].concat());
                }
            }
        }
        assert_eq!(issuers.0.lock().expect("no poison").len(), COUNT);
    }

    #[test]
    fn what_is_no_name_is_none_each_time() {
        let issuers = Issuers::new();
        for _ in 0..2 {
            assert!(issuers.read(&[0x30, 2, 0x31, 1]).is_none());
        }
        assert!(issuers.0.lock().expect("no poison").is_empty());
    }
}
