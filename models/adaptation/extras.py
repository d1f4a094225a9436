"""Embeddings that only the study of normalise.py needs: of several windows of a clip, and of a second network.

    python extras.py        a file for each way, band and corpus; and what they cost beside one run of the network; resumable
"""

import hashlib
import json
import time

import numpy as np

import conditions  # first: it puts models/ within reach
import ecapa
import paths
from reference import chain
from reference.runtime import Embedder
from reference.scoring import unit

FOLDER = paths.CACHE / "extras"
COSTS = FOLDER / "costs.json"  # way -> its time, one run of our network being 1
WINDOWS, LENGTH, HOP = "windows of 2 s", 200, 100  # frames of a window, and from one to the next
SECOND = "ECAPA"
BANDS = {WINDOWS: conditions.BANDS, SECOND: ("telephone",)}
TIMED = 40  # clips


def file_of(way, band, corpus):
    network = "" if way == SECOND else hashlib.sha256(paths.ADAPTED.read_bytes()).hexdigest()[:16] + "-"
    return FOLDER / f"{network}{way}-{band}-{corpus}.npy".replace(" ", "-")


def windowed(network):
    """Clip rows -> mean of its windows' directions; what is left at the end and no longer than a hop is in no window of its own."""

    def way(rows):
        firsts = range(0, max(1, len(rows) - LENGTH + HOP), HOP)
        return np.mean([unit(network(rows[first : first + LENGTH])) for first in firsts], axis=0)

    return way


def second_rows(clips, path, band):
    samples, speech = clips.heard(path)
    rows = ecapa.features(samples[band])
    return rows[chain.speech_frames(speech, len(rows))]


def milliseconds(embed, all_rows):
    before = time.perf_counter()
    for rows in all_rows:
        embed(rows)
    return 1000 * (time.perf_counter() - before) / len(all_rows)


def main():
    clips, second, network = conditions.Clips(), ecapa.Ecapa(), Embedder(paths.ADAPTED)
    ways = {
        WINDOWS: (windowed(network), lambda path, band: clips.rows(path)[band]),
        SECOND: (second, lambda path, band: second_rows(clips, path, band)),
    }
    if not COSTS.exists():
        timed = clips.of(conditions.CORPORA[0])[:TIMED]
        once = milliseconds(network, [clips.rows(path)["telephone"] for path in timed])
        costs = {way: milliseconds(embed, [rows_of(path, "telephone") for path in timed]) / once for way, (embed, rows_of) in ways.items()}
        FOLDER.mkdir(parents=True, exist_ok=True)
        COSTS.write_text(json.dumps(costs))
        print(f"one run of the network: {once:.0f} ms; times of it: {costs}", flush=True)
    for band in reversed(conditions.BANDS):
        for way, (embed, rows_of) in ways.items():
            for corpus in conditions.CORPORA if band in BANDS[way] else ():
                file = file_of(way, band, corpus)
                if not file.exists():
                    np.save(file, [unit(embed(rows_of(path, band))) for path in clips.of(corpus) if len(clips.rows(path)[band])])
                    print(f"{way}, {band}, {corpus}", flush=True)


if __name__ == "__main__":
    main()
