#!/bin/sh
# Installs the library: install.sh ARCHIVE PREFIX, with DESTDIR in front as packagers know it. `make install-c PREFIX=…` calls it.
set -eu
archive=$1 prefix=$2 root=${DESTDIR:-}
here=$(dirname "$0")
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -1)
"$here/link.sh" "$archive" "$root$prefix/lib"
mkdir -p "$root$prefix/include" "$root$prefix/lib/pkgconfig"
cp "$here/include/peakstream.h" "$here/include/peakstream.hpp" "$root$prefix/include/"
sed -e "s|@PREFIX@|$prefix|" -e "s|@VERSION@|$version|" "$here/peakstream.pc.in" > "$root$prefix/lib/pkgconfig/peakstream.pc"
