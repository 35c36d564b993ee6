//! Generated values, written and read back.
#![no_main]

use peergate_core_fuzz::Header;

libfuzzer_sys::fuzz_target!(|input: Header| input.check());
