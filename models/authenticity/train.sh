#!/bin/sh
# Trains the authenticity model from nothing: environment, material, folds, final model, calibration, card. Resumable: run it again.
# One core, some hours from an empty cache; needs Debian (or run the apt line's equivalent and set PYTHON) and ../shared/data.
#
#     sh models/authenticity/train.sh            everything
#     JOBS=2 sh models/authenticity/train.sh     two folds at a time
set -eu
cd "$(dirname "$0")"
PYTHON=${PYTHON:-/usr/bin/python3}
export OMP_NUM_THREADS=1
# Without these, glibc gives every large tensor back to the kernel after each step: half of the time is spent on page faults.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
start=$(date +%s)
step() { printf '== %s (%s s)\n' "$1" "$(($(date +%s) - start))"; }

step "Debian packages"
PACKAGES="python3-torch python3-numpy python3-scipy python3-venv python3-dev g++ espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k \
festvox-us-slt-hts festvox-ca-ona-hts festvox-italp16k festvox-itapc16k festvox-czech-ph codec2"
# shellcheck disable=SC2086
if command -v dpkg >/dev/null && ! dpkg -s $PACKAGES >/dev/null 2>&1; then
    apt-get update -q && apt-get install -qy --no-install-recommends $PACKAGES
fi

step "Python packages"
mkdir -p .cache/wheels .cache/debs
[ -x .cache/venv/bin/python ] || "$PYTHON" -m venv --system-site-packages .cache/venv
.cache/venv/bin/pip install -q --require-hashes --no-deps -r requirements.txt
.cache/venv/bin/pip download -q --require-hashes --no-deps -d .cache/wheels -r wheels.txt

step "Word recordings of the KDE games"
for package in ktuberling klettres; do
    if [ ! -d ".cache/debs/$package" ]; then
        (cd .cache/debs && apt-get download -q "$package-data" && dpkg-deb -x "$package"-data_*.deb "$package")
    fi
done

run() { step "$1"; nice -n 5 .cache/venv/bin/python -u "$@"; }
run data.py
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
.cache/venv/bin/python -m unittest test_authenticity
step "done"
