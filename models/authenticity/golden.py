"""Writes golden.json: signals by formula, their features and logits, for the engine's proof of itself when it loads.

    python golden.py        needs authenticity.onnx

Signals are described as in models/golden/signals.py, at 8 kHz; every frame counts as speech, nothing is coded.
"""

import json
import sys

import numpy as np

import export
import frontend
import paths

sys.path.insert(0, str(paths.HERE.parent))
from golden import signals  # noqa: E402

FILE = paths.HERE / "golden.json"
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


def _cases():
    session = export.session(export.FILE.read_bytes())
    rounded = lambda row: np.round(row.astype(float), 6).tolist()
    for name, (samples, terms) in SIGNALS.items():
        rows = frontend.log_spectrum(pcm(name) / 32768)
        logits = [session.run(None, {"features": window[None]})[0].item() for window in frontend.windows(rows)]
        yield {
            "name": name, "samples": samples, "terms": terms, "frames": len(rows),
            "features_first_row": rounded(rows[0]), "features_last_row": rounded(rows[-1]),
            "logit": round(float(np.mean(logits)), 6),
            "tolerance": {"features": 0.005, "logit": 0.01},
        }  # fmt: skip


def main():
    record = {
        "model": "authenticity",
        "sample_rate": frontend.SAMPLE_RATE,
        "signal": signals.__doc__.strip().splitlines()[0],
        "front_end": " ".join(frontend.__doc__.split("* ", 1)[1].split()),
        "cases": list(_cases()),
    }
    FILE.write_text(json.dumps(record, indent=1) + "\n")
    print("golden.json:", {case["name"]: case["logit"] for case in record["cases"]})


if __name__ == "__main__":
    main()
