"""Embeddings that only the study of normalise.py needs: of several windows of a clip, and of a second network.

    python extras.py        a file for each way, band and corpus: unit rows, and milliseconds a clip on one core; resumable
"""

import hashlib
import time

import numpy as np

import conditions
import paths
from reference import chain
from reference.runtime import Embedder
from reference.scoring import unit

FOLDER = paths.CACHE / "extras"
ONE = "one window"
WINDOWS = {"windows of 3 s": (300, 150), "windows of 2 s": (200, 100)}  # frames of a window, and from one to the next
SECOND = "ECAPA"


def file_of(way, band, corpus):
    network = "" if way == SECOND else hashlib.sha256(paths.ADAPTED.read_bytes()).hexdigest()[:16] + "-"
    return FOLDER / f"{network}{way}-{band}-{corpus}.npz".replace(" ", "-")


def windowed(network, length, hop):
    """Clip rows -> mean of its windows' directions; what is left at the end and no longer than a hop is in no window of its own."""

    def way(rows):
        firsts = range(0, max(1, len(rows) - length + hop), hop)
        return np.mean([unit(network(rows[first : first + length])) for first in firsts], axis=0)

    return way


def write(way, band, corpus, clips, rows_of, embed):
    file = file_of(way, band, corpus)
    if file.exists():
        return
    rows, seconds = [], 0.0
    for path in clips.of(corpus):
        features = rows_of(path)
        before = time.perf_counter()
        rows.append(unit(embed(features)))
        seconds += time.perf_counter() - before
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, rows=rows, milliseconds=1000 * seconds / len(rows))
    print(f"{way}, {band}, {corpus}: {1000 * seconds / len(rows):.0f} ms a clip", flush=True)


def main():
    import ecapa

    clips, second = conditions.Clips(), ecapa.Ecapa()

    def second_rows(path):
        samples, speech = clips.heard(path)
        rows = ecapa.features(samples[band])
        return rows[chain.speech_frames(speech, len(rows))]

    network = Embedder(paths.ADAPTED)
    ways = {ONE: network, **{name: windowed(network, *shape) for name, shape in WINDOWS.items()}}
    for corpus in conditions.CORPORA:
        for band in conditions.BANDS:
            for name, embed in ways.items():
                write(name, band, corpus, clips, lambda path: clips.rows(path)[band], embed)
            write(SECOND, band, corpus, clips, second_rows, second)


if __name__ == "__main__":
    main()
