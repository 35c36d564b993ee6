#!/bin/sh
# Runs each fuzz target of core for so many seconds; a find becomes a fixture.
set -eu
seconds=${1:-60}
cd "$(dirname "$0")/../../core"
cargo +nightly fuzz --version >/dev/null 2>&1 || {
    echo "peergate: fuzzing needs nightly Rust and cargo-fuzz: rustup toolchain install nightly && cargo install --locked cargo-fuzz" >&2
    exit 1
}
for target in $(cargo +nightly fuzz list); do
    echo "== $target, $seconds s"
    cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -max_len=65536 -verbosity=0 -print_final_stats=1
done
