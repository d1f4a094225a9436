#!/bin/sh
# Trains the authenticity model from nothing: material, lines, folds, final networks, evaluation, calibration, card. Resumable: run it again.
# A night on one core, from an empty cache; needs Debian 12 and ../shared/data, and the installed speaker network (make models).
#
#     sh models/authenticity/train.sh            everything
#     JOBS=2 sh models/authenticity/train.sh     two folds at a time
#     STEPS=20000 SEEDS="1 2 3" sh models/authenticity/train.sh
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
for seed in ${SEEDS:-1}; do
    step "convolutions, seed $seed"
    for fold in speechocean762 arabic_commands asterisk games final; do echo "$fold"; done |
        xargs -P "${JOBS:-1}" -I FOLD $python train.py --fold FOLD --seed "$seed" --steps "${STEPS:-3000}" --finish
done
run scores.py small.log.1 branch
run aasist.py
run export.py
run calibrate.py
run make_golden.py
run card.py
step "Tests"
.cache/venv/bin/python -m unittest test_authenticity test_material
step "done"
