"""Writes golden.json: three signals by formula, their features and logits, for the engine's test of itself.

    python golden.py        needs authenticity.onnx
"""

import json

import numpy as np

import export
import frontend
import golden_signals as signals
import paths

FILE = paths.HERE / "golden.json"


def vectors():
    """One record a signal."""
    session = export.session(export.FILE.read_bytes())
    for name, (definition, _) in signals.SIGNALS.items():
        pcm = signals.pcm(name)
        rows = frontend.log_spectrum(pcm / 32768)
        window = frontend.normalise(rows)
        floored = np.maximum(rows, rows.mean(dtype=np.float64) - frontend.FLOOR_BELOW_MEAN)
        yield {
            "name": name, "definition": definition, "n_samples": signals.SAMPLES, "frames": len(rows),
            "int16_first8": pcm[:8].tolist(), "int16_sum": int(pcm.sum(dtype=np.int64)),
            "int16_sumsq": int((pcm.astype(np.int64) ** 2).sum()),
            "first_row": np.round(rows[0].astype(float), 6).tolist(), "last_row": np.round(rows[-1].astype(float), 6).tolist(),
            "window_mean": round(float(rows.mean(dtype=np.float64)), 6),
            "values_floored": int((floored > rows).sum()),
            "bin_mean_after_floor": np.round(floored.mean(0, dtype=np.float64), 6).tolist(),
            "logit": round(float(session.run(None, {"features": window[None]})[0].item()), 6),
        }  # fmt: skip


def main():
    record = {
        "what": "Every frame counts as speech: no speech selection, no G.711; one window of 300 frames a signal.",
        "samples": "q = round_half_even(x * 32767) as int16, then q / 32768",
        "lcg": signals.lcg.__doc__,
        "chirp": "chirp(f0,f1)[i] = sin(2 pi (f0 t + (f1-f0) t^2 / (2 D))), t = i/8000, D = n/8000",
        "saw": "saw(f)[i] = 0.3 * sum over k = 1..20 of sin(2 pi k f t) / k",
        "beat": "beat(r)[i] = (0.5 - 0.5 cos(2 pi r t))^2",
        "front_end": " ".join(frontend.__doc__.split("* ", 1)[1].split()),
        "tolerance": {"features": 0.005, "bin_mean_after_floor": 0.002, "logit": 0.01},
        "signals": list(vectors()),
    }
    FILE.write_text(json.dumps(record, indent=1) + "\n")
    print("golden.json:", {s["name"]: s["logit"] for s in record["signals"]})


if __name__ == "__main__":
    main()
