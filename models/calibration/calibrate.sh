#!/bin/sh
# Fits the two calibrations that are shipped, and writes docs/calibration.md: models/calibration/calibrate.sh DATA
#
# DATA: the folder of the development set. Half an hour on two cores; embeddings are cached, so what is interrupted goes on.
# The telephone's is fitted to several codecs at once: nobody knows a call's when it comes in.
# The prior is always the same: were it the calibration in force, each run would start from what the last has learnt of the same calls.
set -eu
cd "$(dirname "$0")/../.."
data=${1:?usage: models/calibration/calibrate.sh DATA}
work=target/eval page=docs/calibration.md
mkdir -p "$work"
cargo build -q --release -p peakstream-server
python3 models/calibration/calls.py --data "$data" --seconds 6 >"$work/calls.csv"

fit() {
    channel=$1
    shift
    target/release/peakstream calibrate --trials "$work/calls.csv" --audio "$data" --channel-type "$channel" \
        --calibration "models/calibration/prior/$channel-channel.json" "$@" --seconds all,3,2 \
        --cache "$work/embeddings.bin" --output "models/calibration/$channel-channel.json" >"$work/$channel.txt"
}
fit telephone --through mulaw,gsm,opus:12k+loss:5%
fit microphone --through clean

{
    cat <<'PAGE'
# What the shipped calibrations are worth

<!-- Written by models/calibration/calibrate.sh (make calibrate); do not edit. -->

A calibration says what a similarity means: `llr = slope · cosine + offset`, slope and offset depending on the speech and the noise of both
sides (`core/src/decision/`). The score is that ratio on a scale of 0…1. Both are fitted to calls of six seconds put together of public
recordings (`models/calibration/calls.py`): read English of Mandarin speakers, Arabic words, telephone prompts. Everything below is measured on
speakers that were left out of the fit, the last table of each on whole corpora that were. `docs/accuracy.md` has the errors for
each duration; your own calls may differ: measure, and fit your own (`peakstream calibrate --help`).

*Centred voices* are those of a tenant whose centre is learnt: the mean voice of its callers is taken from both sides before their cosine
(`docs/normalisation.md`). Such a cosine means something else, so slope and offset are fitted to it apart. Here each corpus is a tenant; its
mean is of all calls that were heard of it, through all lines and for all durations, but of none of a trial's two speakers.
PAGE
    for channel in telephone microphone; do
        printf '\n## %s-channel\n\n```text\n' "$channel"
        cat "$work/$channel.txt"
        printf '```\n'
    done
} >"$page"
python3 models/install.py
