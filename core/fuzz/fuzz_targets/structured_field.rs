//! Items of RFC 9440 with parameters of every kind, and the same damaged.
#![no_main]

libfuzzer_sys::fuzz_target!(|item: peergate_core_fuzz::sources::Item| item.check());
