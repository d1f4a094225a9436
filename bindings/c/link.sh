#!/bin/sh
# Makes the library that others link of the archive that cargo builds: link.sh ARCHIVE FOLDER
#   FOLDER/libpeakstream.so.0.1.0   only peakstream_* leave it, under the version PEAKSTREAM_1; SONAME libpeakstream.so.0
#   FOLDER/libpeakstream.a          one object, in which everything but peakstream_* is local: no clash with a program's own Rust
set -eu
archive=$1 folder=$2
here=$(dirname "$0")
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/../../Cargo.toml" | head -1)
mkdir -p "$folder"

# Symbols that the linker starts from; what they do not reach is left out.
wanted=$(sed 's/^/-Wl,-u,/' "$here/symbols.txt")
soname=libpeakstream.so.${version%%.*}
# shellcheck disable=SC2086  # one word for each symbol
${CC:-cc} -shared -o "$folder/libpeakstream.so.$version" $wanted "$archive" -Wl,-soname,"$soname" \
    -Wl,--version-script="$here/libpeakstream.map" -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,defs \
    ${STRIP--Wl,--strip-debug} -lgcc_s -lpthread -ldl -lm -lc
ln -sf "libpeakstream.so.$version" "$folder/$soname"
ln -sf "$soname" "$folder/libpeakstream.so"

object=$folder/libpeakstream.o
# The standard library carries LLVM bitcode, which is of no use once objects are joined, and which binutils with LLVM's plugin stumble over.
discard=$folder/discard.ld
echo 'SECTIONS { /DISCARD/ : { *(.llvmbc) *(.llvmcmd) } }' > "$discard"
# shellcheck disable=SC2046
ld -r --gc-sections -T "$discard" $(sed 's/^/-u /' "$here/symbols.txt") -o "$object" "$archive"
objcopy --strip-debug --wildcard --keep-global-symbol='peakstream_*' "$object"
rm -f "$folder/libpeakstream.a"
ar crs "$folder/libpeakstream.a" "$object"
rm "$object" "$discard"
