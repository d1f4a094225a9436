#!/bin/sh
# Trains the authenticity model from nothing: material, lines, folds, final networks, evaluation, calibration, card. Resumable: run it again.
# Five to ten hours of one core from an empty cache, shared by all processors; needs Debian 12 and ../shared/data, and the installed speaker
# network (make models).
#
#     sh models/authenticity/train.sh             everything: model, scores and card of the repository are written anew
#     sh models/authenticity/train.sh 0.2         a trial of every step on a share of all clips and utterances: products in .cache/trial
#
# What was tried beside it: study.py and shortcuts.py, and the convolutions by train.py --help, in the environment of .cache/venv.
set -eu
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1
# Without these, glibc gives every large tensor back to the kernel after each step: half of the time is spent on page faults.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
start=$(date +%s)
step() { printf '== %s (%s s)\n' "$1" "$(($(date +%s) - start))"; }

share=${1:-1}
if [ "$share" != 1 ]; then
    export PEAKSTREAM_AUTHENTICITY_PRODUCTS="${PEAKSTREAM_AUTHENTICITY_CACHE:-$PWD/.cache}/trial"
fi
step "Material"
sh data.sh --share "$share"

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
run material.py
run card.py
step "Tests"
.cache/venv/bin/python -m unittest test_authenticity test_material
step "done"
