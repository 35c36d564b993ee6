#!/bin/sh
# Says in one line what is missing and how to get it; adds the Rust targets that the builds need.
set -eu

need() {
    command -v "$1" >/dev/null 2>&1 || {
        echo "peergate: '$1' is missing: $2" >&2
        exit 1
    }
}

need cargo "install Rust from https://rustup.rs"
need node "install Node.js 20 or newer from https://nodejs.org"
need npm "it comes with Node.js, https://nodejs.org"
need python3 "install Python 3 with pip, https://python.org"
need openssl "install it with your system's packages, for example: apt-get install openssl"

node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' || {
    echo "peergate: Node.js $(node --version) is too old: install 20 or newer from https://nodejs.org" >&2
    exit 1
}

sysroot=$(rustc --print sysroot)
for target in wasm32-wasip1 wasm32-unknown-unknown thumbv7em-none-eabi; do
    [ -d "$sysroot/lib/rustlib/$target" ] && continue
    need rustup "the Rust target $target is missing and rustup can add it, https://rustup.rs"
    rustup target add "$target" >/dev/null 2>&1 || {
        echo "peergate: cannot add the Rust target $target: try 'rustup target add $target'" >&2
        exit 1
    }
done
