"""Fits what the logit comes to on all left-out scores, and writes authenticity.json."""

import datetime
import hashlib
import json
import sys

import evaluation
import export
import layers
import measures
import paths

FILE = paths.PRODUCTS / "authenticity.json"
VERSION = "2.0.0"


def read():
    """The calibration of authenticity.json."""
    of = json.loads(FILE.read_text())["calibration"]
    return measures.Calibration((of["scale"],), of["offset"], of["traceless"])


def main():
    left_out = evaluation.read().pick(condition="g711", fold=evaluation.LEFT_OUT)
    calibration = evaluation.fitted(left_out)
    (scale,) = calibration.weights
    if scale <= 0:
        sys.exit(f"the network speaks against itself (scale {scale}): look at the scores before anything is calibrated by them")
    record = {
        "name": "peakstream-authenticity",
        "version": VERSION,
        "date": datetime.date.today().isoformat(),
        "file": export.FILE.name,
        "sha224": hashlib.sha224(export.FILE.read_bytes()).hexdigest(),
        "speaker_model": hashlib.sha224(layers.MODEL.read_bytes()).hexdigest(),
        "input": {"name": "heard", "shape": [1, layers.SIZE]},
        "output": {"name": "logit", "shape": [1, 1], "positive": "genuine"},
        "layers": layers.LAYERS,
        "calibration": {"scale": round(scale, 5), "offset": round(calibration.offset, 5), "traceless": round(calibration.traceless, 5)},
        "assumed_attack_rate": evaluation.ATTACK_RATE,
        "threshold": evaluation.THRESHOLD,
        "licence": "Apache-2.0 OR MIT",
        "provenance": "trained from scratch by make train-authenticity, beside the speaker network it listens to; CARD.md has data and figures",
    }
    FILE.write_text(json.dumps(record, indent=1) + "\n")
    print("calibration:", record["calibration"])


if __name__ == "__main__":
    main()
