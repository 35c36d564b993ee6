//! Any bytes: the preset, then the values of its headers, a line each.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| peergate_core_fuzz::sources::check_headers(input));
