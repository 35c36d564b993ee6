//! Any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| peergate_core_fuzz::certificate::check(input));
