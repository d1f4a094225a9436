"""Of what should a decision be made that is repeated after each further second of net speech?

In: the development clips (an optional folder `shared` beside the repository), the engine as built, the installed models. Out: a table of
errors by manner: one analysis of the newest seconds, or the mean of windows that are analysed once each (docs/engine.md).

Calls are clips of one speaker and session, eleven seconds of them by G.711 (models/calibration/calls.py); of each pair of calls one is registered
with its first 5 s of net speech, the other decided again and again; all decisions at the same seconds count. Authenticity: clips of
spoof_dev.csv, three of one voice to a call.

    cargo build --release -p peakstream-bench && python3 models/study/repeated.py --precision int8

Needs the packages of benches/requirements.txt; seven minutes of one core.
"""

import argparse
import collections
import csv
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models"))
from reference.measures import FIGURES, Scores, cllr  # noqa: E402

BENCH = ROOT / "target" / "release" / "peakstream-bench"
# A decision at these seconds of net speech: all manners have their windows, and enough calls last as long.
SECONDS = (6, 7, 8)
# Of authenticity, whose clips are shorter.
EARLIER = (5,)
# Evidence of 25 to 1 for synthesis is refused: what the shipped threshold comes to.
REFUSED = -np.log(25)
DIMENSIONS = 192


def hear(data, calls, precision):
    """(call, second, seconds of a window, windows) -> (direction, frames of the newest window, evidence)."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "calls").write_text("".join(f"{call}\n" for call in calls), encoding="utf-8")
        command = [BENCH, "repeated", "--list", folder / "calls", "--data", data, "--out", folder / "out", "--precision", precision]
        told = subprocess.run([*map(str, command), "--models", str(ROOT / "models" / "installed")], check=True, stdout=subprocess.PIPE, text=True)
        directions = np.fromfile(folder / "out", dtype="<f4").reshape(-1, DIMENSIONS).astype(np.float64)
    heard = {}
    for line, direction in zip(told.stdout.splitlines(), directions, strict=True):
        call, second, window, windows, frames, evidence = line.split()
        heard[calls[int(call)], int(second), int(window), int(windows)] = direction, int(frames), float(evidence)
    return heard


def manners(heard):
    """(window, windows), what is analysed for one decision rising."""
    found = collections.defaultdict(list)
    for (_, second, *manner), (_, frames, _) in heard.items():
        if second:
            found[tuple(manner)].append(frames)
    return {manner: np.mean(found[manner]) for manner in sorted(found)}


def recognition(data, precision):
    listed = subprocess.run(
        [sys.executable, str(ROOT / "models" / "calibration" / "calls.py"), "--data", str(data), "--seconds", "11"],
        check=True, stdout=subprocess.PIPE, text=True,
    )
    trials = list(csv.DictReader(listed.stdout.splitlines()))
    calls = sorted({trial[side] for trial in trials for side in ("enroll", "test")})
    heard = hear(data, calls, precision)
    found = manners(heard)
    rows = []
    for trial in trials:
        registered = heard.get((trial["enroll"], 0, 5, 1))
        for second in SECONDS:
            decided = [heard.get((trial["test"], second, *manner)) for manner in found]
            if registered and all(decided):
                scores = [registered[0] @ direction for direction, _, _ in decided]
                rows.append((trial["label"] == "1", trial["enroll"].split("/")[2], trial["test"].split("/")[2], scores))
    targets, one, other = (np.array(column) for column in list(zip(*rows))[:3])
    scores = np.array([row[3] for row in rows])
    print(f"{len(calls)} calls, {len(rows)} decisions, {targets.sum()} of them of the same speaker")
    for number, manner in enumerate(found):
        figures = dict(zip(FIGURES, Scores(scores[:, number], targets, one, other).all()))
        yield manner, found[manner], figures


def authenticity(data, precision):
    with open(data / "spoof_dev.csv", newline="", encoding="utf-8") as stream:
        voices = collections.defaultdict(list)
        for row in csv.DictReader(stream):
            voices[row["label"], str(pathlib.Path(row["path"]).parent)].append(row["path"])
    calls = {
        "|".join(clips[first : first + 3]): label == "bonafide"
        for (label, _), clips in voices.items()
        for first in range(0, len(clips), 3)
    }
    heard = hear(data, list(calls), precision)
    found = manners(heard)
    rows = []
    for call, genuine in calls.items():
        for second in EARLIER:
            decided = [heard.get((call, second, *manner)) for manner in found if manner[0] * manner[1] <= second]
            if all(decided):
                rows.append((genuine, [evidence for _, _, evidence in decided]))
    genuine, evidence = (np.array(column) for column in zip(*rows))
    print(f"{len(rows)} calls are judged, {genuine.sum()} of them of people")
    for number, manner in enumerate(manner for manner in found if manner[0] * manner[1] <= min(EARLIER)):
        yield manner, evidence[:, number], genuine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data", help="folder with manifest.csv, spoof_dev.csv and clips/")
    parser.add_argument("--precision", choices=("f32", "int8"), default="f32")
    arguments = parser.parse_args()
    if not (arguments.data / "manifest.csv").exists():
        sys.exit(f"no manifest.csv in {arguments.data}: give the folder of the development data with --data")
    if not BENCH.exists():
        sys.exit("build the bench first: cargo build --release -p peakstream-bench")
    words = lambda manner: f"the newest {manner[0]} s at once" if manner[1] == 1 else f"{manner[1]} windows of {manner[0]} s"
    recognised = list(recognition(arguments.data, arguments.precision))
    print("\n| decided of | frames analysed for it | EER % | minDCF(0.01) | FRR % at FAR 1 % |\n|---|---|---|---|---|")
    for manner, frames, figures in recognised:
        print(f"| {words(manner)} | {frames:.0f} | {figures['eer']:.2f} | {figures['min_dcf']:.3f} | {figures['frr_at_far_1']:.1f} |")
    judged = list(authenticity(arguments.data, arguments.precision))
    print("\n| authenticity of | Cllr | people refused % | synthesis passed % |\n|---|---|---|---|")
    for manner, evidence, genuine in judged:
        if not np.isfinite(evidence).all():
            continue  # too little speech for a judgement
        refused = evidence < REFUSED
        cost = cllr(evidence, genuine, np.ones(len(genuine)))
        print(f"| {words(manner)} | {cost:.3f} | {100 * refused[genuine].mean():.1f} | {100 * (~refused[~genuine]).mean():.1f} |")


if __name__ == "__main__":
    main()
