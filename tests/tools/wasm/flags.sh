#!/bin/sh
# Compiler flags for the modules. A panic names its source file, and that file is to have the same name
# wherever the module was built. So the same sources give the same bytes, and nobody's home is in them.
# Folders with a space in their path are left as they are: cargo takes flags apart at spaces.
set -eu

remap() {
    case $1 in
    *' '*) ;;
    *) printf '%s ' "--remap-path-prefix=$1=$2" ;;
    esac
}

# What is not unpacked yet has no folder. When this fails, so does the build, which says why.
(cd "$(dirname "$0")" && cargo fetch --quiet --locked >/dev/null 2>&1) || :
# One folder for each registry: crates.io, or what stands in for it.
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    [ -d "$registry" ] && remap "$registry" ""
done
# Where the sources of the standard library are installed, the compiler gives their place on this machine.
commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
remap "$(rustc --print sysroot)/lib/rustlib/src/rust" "/rustc/$commit"
# SHA-256 in a loop: as fast in WebAssembly as unrolled, in seven kilobytes less.
printf '%s' '--cfg sha2_backend_soft="compact"'
