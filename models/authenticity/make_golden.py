"""Writes golden.json and golden-branch.json: signals by formula and their logits, for the engine's proof of itself when it loads.

    python make_golden.py        needs authenticity.onnx, and the installed speaker network

Signals are described as in models/golden/signals.py, at 8 kHz, those of the branch at 16; every frame counts as speech, nothing is coded.
"""

import json
import sys

import numpy as np

import export
import frontend
import layers
import paths

sys.path.insert(0, str(paths.HERE.parent))
from golden import signals  # noqa: E402

FILE = paths.HERE / "golden.json"
BRANCH_FILE = paths.HERE / "golden-branch.json"
SAMPLES = (frontend.WINDOW_FRAMES - 1) * frontend.HOP + frontend.FRAME  # exactly one window
SAW = [round(0.3 / k, 12) for k in range(1, 21)]


def _noise(amplitude, seed):
    return {"kind": "noise", "amplitude": amplitude, "seed": seed}


def _saw(hz, **more):
    return {"kind": "harmonics", "amplitude": 0.9, "hz": hz, "weights": SAW, **more}


SIGNALS = {
    "noise": (SAMPLES, [_noise(0.3, 1)]),
    "chirp": (SAMPLES, [{"kind": "chirp", "amplitude": 0.3, "from_hz": 100, "to_hz": 3800}, _noise(0.01, 2)]),
    "saw": (SAMPLES, [_saw(140), _noise(0.003, 3)]),
    # Swells down to nothing, and longer than a window: the floor and the choice of windows come into play.
    "syllables": (2 * SAMPLES, [_saw(118, swell_hz=4, silent=[9000, 14000]), _noise(0.0005, 5)]),
}


def pcm(name):
    """The int16 samples of a signal."""
    samples, terms = SIGNALS[name]
    return signals.render({"samples": samples, "terms": terms}, frontend.SAMPLE_RATE)


BRANCH_SIGNALS = {
    "noise": (48_000, [_noise(0.3, 11)]),
    "saw": (64_000, [_saw(140, swell_hz=3), _noise(0.003, 12)]),
    "chirp": (160_000, [{"kind": "chirp", "amplitude": 0.3, "from_hz": 100, "to_hz": 7000}, _noise(0.01, 13)]),
}


def _cases(loaded):
    rounded = lambda row: np.round(row.astype(float), 6).tolist()
    for name, (samples, terms) in SIGNALS.items():
        rows = frontend.VIEWS["log"].of(pcm(name) / 32768)
        logits = [export.run(loaded, features=window[0])[0] for window in frontend.windows(rows)]
        yield {
            "name": name, "samples": samples, "terms": terms, "frames": len(rows),
            "features_first_row": rounded(rows[0, 0]), "features_last_row": rounded(rows[-1, 0]),
            "logit": round(float(np.mean(logits)), 6),
            "tolerance": {"features": 0.005, "logit": 0.01},
        }  # fmt: skip


def _branch_cases(loaded):
    for name, (samples, terms) in BRANCH_SIGNALS.items():
        features = layers.log_mel(signals.render({"samples": samples, "terms": terms}) / 32768)
        logit = export.run(loaded, heard=layers.statistics(features))[1]
        yield {"name": name, "samples": samples, "terms": terms, "branch_logit": round(logit, 6), "tolerance": 0.02}


def _write(file, model, rate, front_end, cases):
    record = {"model": model, "sample_rate": rate, "signal": signals.__doc__.strip().splitlines()[0], "front_end": front_end, "cases": list(cases)}
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{file.name}:", {case["name"]: case.get("logit", case.get("branch_logit")) for case in record["cases"]})


def main():
    loaded = export.session(export.FILE.read_bytes())
    _write(FILE, "authenticity", frontend.SAMPLE_RATE, " ".join(frontend.__doc__.split("* ", 1)[1].split()), _cases(loaded))
    front_end = "that of the speaker network (models/manifest.toml); means and deviations of its layers, as layers.py says"
    _write(BRANCH_FILE, "authenticity branch", signals.RATE, front_end, _branch_cases(loaded))


if __name__ == "__main__":
    main()
