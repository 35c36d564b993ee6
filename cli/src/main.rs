//! The `peergate` command.

fn main() {}
