#!/bin/sh
# Makes the material of the authenticity model: packages, genuine clips, their copies, text to speech. Resumable: run it again.
# Three to six hours of one core from an empty cache, shared by all processors (PEAKSTREAM_JOBS: fewer); needs Debian 12 and ../shared/data.
#
#     sh models/authenticity/data.sh                       everything
#     sh models/authenticity/data.sh --folder DIR          and your own genuine recordings, DIR/speaker/clip.wav
#     sh models/authenticity/data.sh --share 0.2           a fifth of all clips and utterances
#     sh models/authenticity/data.sh genuine later         only some stages: genuine, later, tts, neural
set -eu
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1
# Without these, glibc gives every large tensor back to the kernel: half of the time is spent on page faults.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
CACHE=${PEAKSTREAM_AUTHENTICITY_CACHE:-.cache}
/usr/bin/python3 sources.py
exec nice -n 5 "$CACHE/venv/bin/python" -u data.py "$@"
