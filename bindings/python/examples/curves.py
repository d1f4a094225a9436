"""Scores of every pair of recordings, and the error rates they have: curves.py FOLDER, with FOLDER/SPEAKER/*.wav

The arrays go into any plotting library.
"""

from __future__ import annotations

import itertools
import pathlib
import sys

import numpy as np

import peakstream


def main(folder: pathlib.Path) -> None:
    engine = peakstream.Engine()
    files = sorted(folder.glob("*/*.wav"))
    embeddings = engine.embed(files)
    pairs = list(itertools.combinations(range(len(files)), 2))
    same = np.array([files[a].parent == files[b].parent for a, b in pairs])
    scores = np.array([engine.calibration().llr(float(embeddings[a] @ embeddings[b])) for a, b in pairs])
    evaluation = peakstream.evaluate(scores, same)
    print(evaluation)
    for threshold, far, frr in zip(evaluation.thresholds, evaluation.far, evaluation.frr):
        print(f"{threshold:8.2f}  false accepts {far:6.1%}  false rejects {frr:6.1%}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
