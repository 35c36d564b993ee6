//! Placeholder until the runner stands.
fn main() {}
