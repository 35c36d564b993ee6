#!/bin/sh
# Builds the npm package into dist/, from a clean checkout. Needs cargo, the target
# wasm32-unknown-unknown, Node 20 or newer and npm.
set -eu
cd "$(dirname "$0")"
# The lock file decides; a tree that already follows it is left alone.
if ! cmp -s package-lock.json node_modules/.peergate-lock; then
    npm ci --no-audit --no-fund
    cp package-lock.json node_modules/.peergate-lock
fi
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=$(sh ../tests/tools/wasm/flags.sh)
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS
cargo run --quiet --locked --package peergate-node-build
node ../tests/tools/wasm/shrink.mjs dist/wasm/peergate_bg.wasm dist/wasm/peergate_bg.wasm
# Comments are for whoever reads the types; the code goes without.
node_modules/.bin/tsc --project tsconfig.json --emitDeclarationOnly
node_modules/.bin/tsc --project tsconfig.json --declaration false --removeComments
node entries.mjs
node ../tests/tools/bill-of-materials.mjs peergate-node wasm32-unknown-unknown dist
