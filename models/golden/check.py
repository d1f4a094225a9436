"""Checks produced model files against the golden vectors; exit status 1 and the worst difference if one does not hold.

Uses nothing of the converter: the graph runs in ONNX's own reference evaluator, the speech detector and the features in
the plain numpy of models/reference. (The engine checks the same files again with its own code whenever it loads them.)
"""

import argparse
import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from golden import signals  # noqa: E402
from reference import fbank, silero, tensors  # noqa: E402

LONGEST = 300  # frames: longer cases take the reference evaluator seconds and show nothing new


def rows(case, what, got, want):
    """(case, what, worst difference, tolerance)."""
    got, want = np.asarray(got, dtype=np.float64), np.asarray(want)
    worst = float(np.abs(got - want).max()) if got.shape == want.shape else float("inf")
    return case["name"], what, worst, case["tolerance"][what]


def campplus(cases, path):
    from onnx.reference import ReferenceEvaluator

    network = ReferenceEvaluator(str(path))
    for case in cases:
        if case["frames"] > LONGEST:
            continue
        features = fbank.features(signals.render(case) / 32768)
        mean = features.mean(axis=0)
        yield rows(case, "features", np.concatenate([features[0], features[-1], mean]),
                   case["features_first_row"] + case["features_last_row"] + case["features_mean"])
        embedding = network.run(None, {"features": (features - mean).astype(np.float32)[None]})[0][0]
        yield rows(case, "embedding", embedding, case["embedding"])


def silero_vad(cases, path):
    weights = tensors.load(path.read_bytes())
    for case in cases:
        yield rows(case, "probabilities", silero.probabilities(weights, signals.render(case) / 32768), case["probabilities"])


CHECKS = {"campplus": campplus, "silero-vad": silero_vad}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(CHECKS))
    parser.add_argument("file", type=pathlib.Path, help="the produced model file")
    parser.add_argument("--verbose", action="store_true", help="print every comparison, not only the worst")
    arguments = parser.parse_args()
    cases = json.loads((HERE / f"{arguments.model}.json").read_text())["cases"]
    results = list(CHECKS[arguments.model](cases, arguments.file))
    failed = False
    for name, what, worst, tolerance in results:
        bad = not worst <= tolerance
        failed |= bad
        if bad or arguments.verbose:
            print(f"{arguments.model}: {name}: {what} differ by {worst:.1e}, allowed {tolerance:.0e}{' - NOT REPRODUCED' if bad else ''}")
    nearest = max(worst / tolerance for _, _, worst, tolerance in results)
    print(f"{len(results)} golden vectors compared, worst at {100 * nearest:.1f} % of its tolerance")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
