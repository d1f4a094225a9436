#!/bin/sh
# Trains the telephone delta of the speaker network from nothing: environment, material, training, figures, card; then the study of
# score normalisation. Resumable: run it again. One core, about an hour; needs Debian (or torch, numpy, scipy for $PYTHON) and ../shared/data.
set -eu
cd "$(dirname "$0")"
PYTHON=${PYTHON:-/usr/bin/python3}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# Without these, glibc gives every large tensor back to the kernel after each step.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
start=$(date +%s)
step() { printf '== %s (%s s)\n' "$1" "$(($(date +%s) - start))"; }

step "Debian packages"
PACKAGES="python3-torch python3-numpy python3-scipy python3-venv libopencore-amrnb0"
# shellcheck disable=SC2086
if command -v dpkg >/dev/null && ! dpkg -s $PACKAGES >/dev/null 2>&1; then
    apt-get update -q && apt-get install -qy --no-install-recommends $PACKAGES
fi

step "Python packages"
mkdir -p .cache/debs
[ -x .cache/venv/bin/python ] || "$PYTHON" -m venv --system-site-packages .cache/venv
.cache/venv/bin/pip install -q --require-hashes --no-deps -r requirements.txt

step "Recorded speech of Debian's packages"
(
    cd .cache/debs
    for file in $(cut -c67- ../../packages.sha256); do
        package=${file%%_*} version=${file#*_}
        [ -f "$file" ] || apt-get download -q "$package=$(printf %s "${version%_all.deb}" | sed 's/%3a/:/')"
    done
    sha256sum --quiet -c ../../packages.sha256
    for file in *.deb; do
        [ -d "${file%%_*}" ] || dpkg-deb -x "$file" "${file%%_*}"
    done
)

step "The network as published"
python3 original.py

run() { step "$*"; nice -n 5 .cache/venv/bin/python -u "$@"; }
run material.py
run train.py
run export.py
run linear_map.py
step judge.py
python3 judge.py
python3 card.py
run extras.py
step normalise.py
python3 normalise.py
step "done: put the hashes that export.py printed into models/manifest.toml, then see CARD.md"
