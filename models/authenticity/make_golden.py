"""Writes golden.json: signals by formula, their logits and log-likelihood ratios, for the engine's proof of itself when it loads.

    python make_golden.py        needs authenticity.onnx and .json, and the installed speaker network

Signals are described as in models/golden/signals.py, at 16 kHz; every frame counts as speech, nothing is coded.
"""

import json
import sys

import numpy as np

import calibrate
import export
import layers
import paths

sys.path.insert(0, str(paths.HERE.parent))
from golden import signals  # noqa: E402

FILE = paths.PRODUCTS / "golden.json"
SAW = [round(0.3 / k, 12) for k in range(1, 21)]
TOLERANCE = 0.02


def _noise(amplitude, seed):
    return {"kind": "noise", "amplitude": amplitude, "seed": seed}


def _saw(hz, **more):
    return {"kind": "harmonics", "amplitude": 0.9, "hz": hz, "weights": SAW, **more}


SIGNALS = {
    "noise": (48_000, [_noise(0.3, 11)]),
    "saw": (64_000, [_saw(140, swell_hz=3), _noise(0.003, 12)]),
    "chirp": (160_000, [{"kind": "chirp", "amplitude": 0.3, "from_hz": 100, "to_hz": 7000}, _noise(0.01, 13)]),
    "syllables": (96_000, [_saw(118, swell_hz=4, silent=[30_000, 40_000]), _noise(0.0005, 5)]),
}


def heard(name):
    """What the speaker network hears of a signal."""
    samples, terms = SIGNALS[name]
    return layers.statistics(layers.log_mel(signals.render({"samples": samples, "terms": terms}) / 32768))


def main():
    loaded, calibration = export.session(export.FILE.read_bytes()), calibrate.read()
    cases = []
    for name, (samples, terms) in SIGNALS.items():
        logit = export.run(loaded, heard(name))
        expected = {"logit": round(logit, 6), "llr": round(float(calibration.llr(np.array([logit]))), 6), "tolerance": TOLERANCE}
        cases.append({"name": name, "samples": samples, "terms": terms, **expected})
    record = {
        "model": "authenticity",
        "sample_rate": signals.RATE,
        "signal": signals.__doc__.strip().splitlines()[0],
        "front_end": "that of the speaker network (models/manifest.toml); means and deviations of its layers, as layers.py says",
        "cases": cases,
    }
    FILE.write_text(json.dumps(record, indent=1) + "\n")
    print("golden.json:", {case["name"]: (case["logit"], case["llr"]) for case in cases})


if __name__ == "__main__":
    main()
