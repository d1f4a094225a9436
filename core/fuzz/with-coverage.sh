#!/bin/sh
# The compiler as cargo calls it for our own crates, with libFuzzer's counters in what it makes.
compiler=$1
shift
exec "$compiler" "$@" --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
