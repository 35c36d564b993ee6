//! Generated values, written and read back.
#![no_main]

use peergate_core_fuzz::Objects;

libfuzzer_sys::fuzz_target!(|input: Objects| input.check());
