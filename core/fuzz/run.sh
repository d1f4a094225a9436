#!/bin/sh
# Looks for inputs that break a parser: core/fuzz/run.sh SECONDS [TARGET…]
#
# Each target runs SECONDS under libFuzzer, beginning with its stored inputs; what reached new code is then merged into
# them, smallest first. Needs a C++ compiler (libFuzzer is compiled). Stable Rust is enough: the coverage counters are a pass of its own LLVM, and only our crates are
# built with them. What new code an input reaches decides whether it is stored; the first build takes some minutes. An input
# that breaks a target is written to target/fuzz and named; put it into the target's corpus with the mend.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:?usage: core/fuzz/run.sh SECONDS [TARGET…]}
shift
# A target is named as the folder of its stored inputs.
corpora='*/fuzz/corpus/* */*/fuzz/corpus/*'
# shellcheck disable=SC2086  # patterns
[ $# -gt 0 ] || set -- $(ls -d $corpora | xargs -n 1 basename)

RUSTC_WORKSPACE_WRAPPER=$PWD/core/fuzz/with-coverage.sh
export RUSTC_WORKSPACE_WRAPPER
mkdir -p target/fuzz

for target in "$@"; do
    folder=$(ls -d */fuzz/corpus/"$target" */*/fuzz/corpus/"$target" 2>/dev/null | sed 's|/corpus/.*||')
    # shellcheck disable=SC2086
    [ -n "$folder" ] || { echo "no fuzz target $target; there are:" $corpora >&2; exit 2; }
    package=$(sed -n 's/^name = "\(peakstream.*\)"/\1/p' "$folder/Cargo.toml" | head -n 1)
    binary=fuzz-$(echo "$target" | tr _ -)
    cargo build -q -p "$package" --features "$package/libfuzzer" --bin "$binary"
    cp "target/debug/$binary" "target/fuzz/$binary"
    found=target/fuzz/$target
    mkdir -p "$found"
    echo "== $target: $seconds s"
    "target/fuzz/$binary" -max_total_time="$seconds" -max_len=4096 -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="target/fuzz/broken-$target-" "$found" "$folder/corpus/$target" 2>"target/fuzz/$target.log" ||
        { tail -n 40 "target/fuzz/$target.log" >&2; exit 1; }
    grep -E 'stat::number_of_executed_units|DONE' "target/fuzz/$target.log"
    "target/fuzz/$binary" -merge=1 -use_counters=0 -max_len=4096 "$folder/corpus/$target" "$found" 2>&1 | grep -E 'MERGE-OUTER: [0-9]+ new files'
done
