#!/bin/sh
# Installs the library: install.sh ARCHIVE PREFIX. `make install-c PREFIX=…` calls it.
#
# environment, as packagers know it: DESTDIR goes before PREFIX; LIBDIR is where libraries lie below PREFIX (default: lib)
set -eu
archive=$1 prefix=$2 libdir=${LIBDIR:-lib}
here=$(dirname "$0")
version=$("$here/version.sh") abi=$("$here/version.sh" abi)
root=${DESTDIR:-}$prefix
cmake=$libdir/cmake/peakstream

fill_in() {
    # Descriptions find what they describe from where they lie, so that a prefix can be moved.
    sed -e "s|@PREFIX@|$prefix|; s|@LIBDIR@|$libdir|; s|@VERSION@|$version|; s|@ABI@|$abi|" \
        -e "s|@TO_PREFIX@|$(echo "$cmake" | sed 's|[^/][^/]*|..|g')|" "$here/$1" > "$root/$2"
}

"$here/link.sh" "$archive" "$root/$libdir"
mkdir -p "$root/include" "$root/$libdir/pkgconfig" "$root/$cmake"
cp "$here/include/peakstream.h" "$here/include/peakstream.hpp" "$root/include/"
fill_in peakstream.pc.in "$libdir/pkgconfig/peakstream.pc"
fill_in peakstream-config.cmake.in "$cmake/peakstream-config.cmake"
fill_in peakstream-config-version.cmake.in "$cmake/peakstream-config-version.cmake"
