#!/bin/sh
# Trains the authenticity model from nothing: environment, material, folds, final model, calibration, card. Resumable: run it again.
# One core, some hours from an empty cache; needs Debian 12 and ../shared/data.
#
#     sh models/authenticity/train.sh            everything
#     JOBS=2 sh models/authenticity/train.sh     two folds at a time
set -eu
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1
# Without these, glibc gives every large tensor back to the kernel after each step: half of the time is spent on page faults.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
start=$(date +%s)
step() { printf '== %s (%s s)\n' "$1" "$(($(date +%s) - start))"; }

step "Material"
sh data.sh

run() { step "$1"; nice -n 5 .cache/venv/bin/python -u "$@"; }
for fold in speechocean762 arabic_commands asterisk kde final; do echo "$fold"; done |
    xargs -P "${JOBS:-1}" -n 1 nice -n 5 .cache/venv/bin/python -u train.py
run calls.py
run scores.py
run aasist.py
run export.py
run calibrate.py
run golden.py
run fresh.py
run card.py
step "Tests"
.cache/venv/bin/python -m unittest test_authenticity test_material
step "done"
