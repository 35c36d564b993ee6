//! Generated values, written and read back.
#![no_main]

use peergate_core_fuzz::Name;

libfuzzer_sys::fuzz_target!(|input: Name| input.check());
