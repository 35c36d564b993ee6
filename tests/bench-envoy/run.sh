#!/bin/sh
# Measures what a request costs in a real Envoy with different filters. Arguments go to bench.py.
set -eu
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}/wasm32-wasip1/release
bench=${CARGO_TARGET_DIR:-target}/bench-envoy
mkdir -p "$bench"
make --no-print-directory filter
cargo build --quiet --locked --release --target wasm32-wasip1 -p peergate-bench-noop
cp "$target/noop.wasm" "$bench/noop.wasm"
cargo build --quiet --locked --release --target wasm32-wasip1 -p peergate-bench-noop --features one-header
cp "$target/noop.wasm" "$bench/one-header.wasm"
envoy=$(sh tests/tools/get-envoy.sh)

# wrk makes the load where it can be had; otherwise bench.py does, and says so.
if ! command -v wrk >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    { apt-get install -qq -y wrk || { apt-get update -qq && apt-get install -qq -y wrk; }; } >/dev/null 2>&1 || true
fi

exec python3 -B tests/bench-envoy/bench.py --envoy "$envoy" --peergate "$target/peergate.wasm" --noop "$bench/noop.wasm" --one-header "$bench/one-header.wasm" "$@"
