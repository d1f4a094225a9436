"""Which rules should make speech of the detector's probabilities?

In: calls of which is known where someone speaks, from `peakstream-bench speech --part choose --out FOLDER > FOLDER/list`, and the
published Silero model. Out: a table of errors by rule (docs/speech-detection.md).

    python3 models/study/speech_rules.py FOLDER [FOLDER ...]

The first rule is what the engine did before, the last but one what it does; each row changes one thing. Probabilities are kept
beside the calls. Needs the packages of benches/requirements.txt; minutes, one thread.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
from scipy import signal

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benches"), str(ROOT / "models")]
import alternatives  # noqa: E402
import bench  # noqa: E402
from reference import runtime  # noqa: E402
from reference.chain import NOISE_DB, Noise, half_band, mirrored  # noqa: E402

BLOCK, FRAME, DELAY = 256, 80, 10
NOT_COUNTED = 2

OLD = {"begin": 0.5, "go_on": 0.35, "hangover": 4, "sure": 0.8, "first": 0.8, "least": 4, "first_least": 4, "moves": 0.0}
OLD.update(noise=True, before=1, after=1)
ALONE = {**OLD, "noise": False}
UNPADDED = {**ALONE, "after": 0}
LATE = {**ALONE, "after": -1}
ONE = {**LATE, "begin": 0.35}
SURE = {**ONE, "sure": 0.9, "first": 0.9}
FIRST = {**SURE, "first": 0.985}
NOW = {**FIRST, "moves": 1.0, "first_least": 8}
RULES = {
    "before": OLD,
    "heard without the noise": ALONE,
    "... no block after": UNPADDED,
    "... a block earlier": LATE,
    "... one threshold, 0.35": ONE,
    "... sure at 0.9": SURE,
    "... at first at 0.985": FIRST,
    "... held notes do not count: now": NOW,
    "now, but held notes count": {**NOW, "moves": 0.0},
    "now, but 96 ms of hangover": {**NOW, "hangover": 3},
    "now, but 160 ms of hangover": {**NOW, "hangover": 5},
    "now, but at first at 0.9": {**NOW, "first": 0.9},
    "now, but at first after 4 blocks": {**NOW, "first_least": 4},
    "now, but sure at 0.8": {**NOW, "sure": 0.8},
    "now, but a threshold of 0.3": {**NOW, "begin": 0.3, "go_on": 0.3},
    "now, but a threshold of 0.5": {**NOW, "begin": 0.5, "go_on": 0.5},
}


class Calls:
    """The calls of one kind, with all that rules read."""

    def __init__(self, folder, listed):
        self.name, self.speech = listed["name"], listed["holds_speech"]
        path = folder / listed["name"]
        calls = np.fromfile(path.with_suffix(".s16"), dtype="<i2").reshape(-1, listed["call_samples"])
        self.truth = np.fromfile(path.with_suffix(".truth"), dtype=np.uint8).reshape(len(calls), -1)
        line = np.pad(calls / 32768, ((0, 0), (DELAY, 0)))[:, : calls.shape[1]]
        kept = path.with_suffix(".heard.npz")
        if not kept.is_file():
            np.savez(kept, plain=probabilities(line, False), noise=probabilities(line, True), change=changes(line))
        with np.load(kept) as heard:
            self.heard = {True: heard["noise"], False: heard["plain"]}
            self.change = heard["change"]

    def result(self, rule):
        """Errors in % where someone speaks, else seconds taken for speech."""
        marked = np.stack([segmented(p, c, rule) for p, c in zip(self.heard[rule["noise"]], self.change)])
        frames = self.truth.shape[1]
        found = marked[:, np.minimum((np.arange(frames) * FRAME + FRAME // 2) // BLOCK, marked.shape[1] - 1)]
        counted = self.truth != NOT_COUNTED
        wrong = counted & (found != (self.truth == 1))
        return 100 * wrong.sum() / counted.sum() if self.speech else found.sum() / 100


def probabilities(line, noise):
    """Of every block, by the published network behind the engine's interpolator."""
    wide = signal.resample_poly(line, 2, 1, axis=1)
    if noise:
        fill = np.concatenate([np.zeros(DELAY), Noise().first(line.shape[1])])[: line.shape[1]]
        wide += 10 ** (NOISE_DB / 20) * mirrored(fill, half_band(20, 5.0))
    wide = wide.astype(np.float32)
    network = runtime.session(alternatives.published_silero(bench.FOLDER))
    state, context = np.zeros((2, len(wide), 128), np.float32), np.zeros((len(wide), 64), np.float32)
    found = []
    for at in range(0, wide.shape[1] - 2 * BLOCK + 1, 2 * BLOCK):
        step = np.concatenate([context, wide[:, at : at + 2 * BLOCK]], axis=1)
        probability, state = network.run(None, {"input": step, "state": state, "sr": np.array(16000, np.int64)})
        context = step[:, -64:]
        found.append(probability[:, 0])
    return np.stack(found, axis=1)


def changes(line):
    """How much the spectrum of every block changes within 30 ms: core/src/speech/movement.rs."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 255)
    blocks = line.shape[1] // BLOCK
    found = np.zeros((len(line), blocks))
    for call, change in zip(line, found):
        frames = np.lib.stride_tricks.sliding_window_view(call, 256)[::FRAME]
        spectra = np.log(np.maximum(np.abs(np.fft.rfft(frames * window, axis=1)[:, 4:116]) ** 2, 1e-10))
        before, now = np.concatenate([np.full((3, 112), -23.0), spectra[:-3]]), spectra
        louder = np.maximum(before, now)
        weights = np.maximum(louder - (louder.max(axis=1, keepdims=True) - 6.9), 0)
        apart = now - before
        level = np.average(apart, axis=1, weights=weights)[:, None]
        apart = np.average(np.abs(apart - level), axis=1, weights=weights)
        block = (np.arange(len(spectra)) * FRAME + 255) // BLOCK
        change[:] = (np.bincount(block, apart, blocks) / np.maximum(np.bincount(block, minlength=blocks), 1))[:blocks]
    return found


def segmented(probabilities, changes, rule):
    """core/src/speech/segmenter.rs, with what the rules under study leave open."""
    marked, voice, state = np.zeros(len(probabilities), bool), False, "silence"
    begun = heard = blocks = quiet = last = most = 0
    for at, (probability, change) in enumerate(zip(probabilities, changes)):
        on = probability >= rule["begin"] or (state != "silence" and quiet == 0 and probability >= rule["go_on"])
        quiet = 0 if on else quiet + 1
        if state == "silence" and on:
            state, begun, heard, blocks, most = "doubt", at, 0, 0, 0
        if state == "doubt":
            heard, blocks, most = heard + (on and change >= rule["moves"]), blocks + 1, max(most, probability)
            least, sure = (rule["least"], rule["sure"]) if voice else (rule["first_least"], rule["first"])
            if on and most >= sure and heard >= least:
                state, voice, last = "speech", True, begun - rule["before"]
            elif quiet == rule["hangover"] or blocks == 16:
                state = "silence"
        if state == "speech":
            if on:
                marked[max(last, 0) : at + 1 + rule["after"]] = True
                last = at
            elif quiet == rule["hangover"]:
                state = "silence"
    return marked


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path, help="what peakstream-bench speech wrote, with its list")
    arguments = parser.parse_args()
    bench.FOLDER.mkdir(parents=True, exist_ok=True)
    kinds = [
        Calls(folder, json.loads(line)) for folder in arguments.folders for line in (folder / "list").read_text().splitlines()
    ]
    speech, rest = [calls for calls in kinds if calls.speech], [calls for calls in kinds if not calls.speech]
    telephone = [calls for calls in speech if calls.name != "babble"]
    print("| rule | mean of rows but babble | " + " | ".join(calls.name for calls in speech + rest) + " |")
    print("|---" * (2 + len(kinds)) + "|")
    for name, rule in RULES.items():
        mean = np.mean([calls.result(rule) for calls in telephone])
        cells = [f"{calls.result(rule):.2f}" for calls in speech] + [f"{calls.result(rule):.2f} s" for calls in rest]
        print(f"| {name} | {mean:.2f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
