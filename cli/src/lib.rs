//! The library behind the `peergate` command: fixtures, explanations, a development CA.

pub mod fixture;
