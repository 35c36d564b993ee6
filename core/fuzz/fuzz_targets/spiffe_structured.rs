//! Generated values, written and read back.
#![no_main]

use peergate_core_fuzz::Id;

libfuzzer_sys::fuzz_target!(|input: Id| input.check());
