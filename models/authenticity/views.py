"""Spectra as a branch can be given them: mean, deviation and movement over time of what the convolutions see (frontend.py), for study.py.

    python views.py        of the pool's units and of the calls, into .cache/views; what is there is skipped
"""

import numpy as np

import frontend
import layers
import paths

FOLDER = paths.CACHE / "views"
COUNT = frontend.VIEWS["phase"].count
SIZE = COUNT * 3 * frontend.BINS  # numbers of a vector: view by view, of each three statistics of every bin
LEAST_FRAMES = 100


def columns(view):
    """Where the numbers of log power alone ("log"), or of what phase adds ("phase"), stand in a vector."""
    power = 3 * frontend.BINS
    return slice(0, power) if view == "log" else slice(power, SIZE)


def of_samples(pcm, speech):
    """The vector of a call, or None if there is too little speech. Level and the line's response are taken out of the log power's mean."""
    kept = frontend.kept_frames(frontend.VIEWS["phase"].of(pcm / np.float32(32768)), speech)
    if len(kept) < LEAST_FRAMES:
        return None
    kept[:, 0] = np.maximum(kept[:, 0], kept[:, 0].mean() - frontend.FLOOR_BELOW_MEAN)
    moved = np.diff(kept, axis=0)
    moved[:, 1:] = np.angle(np.exp(1j * moved[:, 1:]))  # angles
    mean = np.concatenate([kept[:, :1].mean(0) - kept[:, 0].mean(), np.abs(kept[:, 1:]).mean(0)])
    return np.stack([mean, kept.std(0), moved.std(0)], 1).astype(np.float16).reshape(-1)


if __name__ == "__main__":
    layers.main(FOLDER, of_samples)
