//! Custom sources of the keys that there are, with values that are nearly legal, and a request for them.
#![no_main]

libfuzzer_sys::fuzz_target!(|source: peergate_core_fuzz::sources::Custom| source.check());
