#!/bin/sh
# The version of the library; with `abi`, that of its interface.
set -eu
here=$(dirname "$0")
case ${1:-} in
    abi) sed -n 's/^#define PEAKSTREAM_ABI_VERSION //p' "$here/include/peakstream.h" ;;
    *) sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -1 ;;
esac
