#!/bin/sh
# Trains the authenticity model from nothing: material, lines, folds, final networks, evaluation, calibration, card. Resumable: run it again.
# Five hours on one core from an empty cache, three of them for the material; needs Debian 12 and ../shared/data, and the installed speaker
# network (make models). The convolutions that were tried beside it: python train.py --help, in the environment of .cache/venv.
set -eu
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1
# Without these, glibc gives every large tensor back to the kernel after each step: half of the time is spent on page faults.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
start=$(date +%s)
step() { printf '== %s (%s s)\n' "$1" "$(($(date +%s) - start))"; }

step "Material"
sh data.sh

python="nice -n 5 .cache/venv/bin/python -u"
run() { step "$*"; $python "$@"; }

run pool.py
run calls.py
run layers.py
run branch.py
run scores.py branch
run aasist.py
run export.py
run calibrate.py
run make_golden.py
run card.py
step "Tests"
.cache/venv/bin/python -m unittest test_authenticity test_material
step "done"
