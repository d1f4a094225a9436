#!/bin/sh
# Makes the library that others link of the archive that cargo builds: link.sh ARCHIVE FOLDER. N is PEAKSTREAM_ABI_VERSION.
#   FOLDER/libpeakstream.so.N.0.1.0 only peakstream_* leave it, under the version PEAKSTREAM_N; SONAME libpeakstream.so.N
#   FOLDER/libpeakstream.a          one object, in which everything but peakstream_* is local: no clash with a program's own Rust
set -eu
archive=$1 folder=$2
here=$(dirname "$0")
version=$("$here/version.sh") abi=$("$here/version.sh" abi)
mkdir -p "$folder"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Symbols that the linker starts from; what they do not reach is left out.
wanted=$(sed 's/^/-Wl,-u,/' "$here/symbols.txt")
soname=libpeakstream.so.$abi
echo "PEAKSTREAM_$abi { global: peakstream_*; local: *; };" > "$scratch/versions.map"
# shellcheck disable=SC2086  # one word for each symbol
${CC:-cc} -shared -o "$folder/$soname.$version" $wanted "$archive" -Wl,-soname,"$soname" \
    -Wl,--version-script="$scratch/versions.map" -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,defs \
    -Wl,--strip-debug -lgcc_s -lpthread -ldl -lm -lc
ln -sf "$soname.$version" "$folder/$soname"
ln -sf "$soname" "$folder/libpeakstream.so"

object=$scratch/libpeakstream.o
# The standard library carries LLVM bitcode, which is of no use once objects are joined, and which binutils with LLVM's plugin stumble over.
echo 'SECTIONS { /DISCARD/ : { *(.llvmbc) *(.llvmcmd) } }' > "$scratch/discard.ld"
# shellcheck disable=SC2046
ld -r --gc-sections -T "$scratch/discard.ld" $(sed 's/^/-u /' "$here/symbols.txt") -o "$object" "$archive"
objcopy --strip-debug --wildcard --keep-global-symbol='peakstream_*' "$object"
rm -f "$folder/libpeakstream.a"
ar crs "$folder/libpeakstream.a" "$object"
