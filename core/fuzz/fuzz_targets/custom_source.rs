//! Any bytes as a source.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| peergate_core_fuzz::sources::check_source(input));
