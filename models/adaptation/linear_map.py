"""A linear map behind a network, the simplest remedy: what the delta is compared with.

    python linear_map.py        embeds the pairs it is fitted on, after material.py; cached

Pairs: a network's embedding of a clip by telephone, or as it is, and the published network's of the whole clean clip. The map is the
least-squares one, pulled towards identity. It learns from no corpus of the trial list, so all of them judge it.
"""

import hashlib
import time

import numpy as np

import original
import paths
from reference.runtime import Embedder
from reference.scoring import unit
from sources import seed

MOST_FRAMES = 400
VERSIONS = ("plain", "plain", "mild", "rough")  # every clip comes in one of them, half of the clips also clean
RIDGE = 1.0  # penalty of the distance to identity, in mean eigenvalues; not tuned


def files():
    """The material of every clip at one of its two speeds, which are two voices to the network."""
    for path in sorted(paths.MATERIAL.glob("*/*.npz")):
        clip, _, speed = path.stem.rpartition("__")
        if (speed == "0") == (seed("speed", clip) % 2 == 0):
            yield path


def pairs(model):
    """(its embeddings, the targets)"""
    cache = paths.CACHE / "pairs" / f"{hashlib.sha256(model.read_bytes()).hexdigest()[:16]}.npz"
    if not cache.exists():
        embed, heard, wanted, started = Embedder(model), [], [], time.monotonic()
        for path in files():
            choice = seed("map", path.stem)
            with np.load(path) as stored:
                for version in (VERSIONS[choice % 4], *(("clean",) if (choice >> 4) % 2 else ())):
                    heard.append(embed(stored[version][:MOST_FRAMES].astype(np.float32)))
                    wanted.append(stored["target"])
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, heard=heard, wanted=wanted)
        print(f"linear map: {model.stem}: {len(heard)} pairs in {time.monotonic() - started:.0f} s", flush=True)
    with np.load(cache) as stored:
        return stored["heard"].astype(np.float64), stored["wanted"].astype(np.float64)


class Map:
    """x -> (x - mean of what was heard) @ matrix + mean of the targets, for raw embeddings."""

    def __init__(self, rows, targets, matrix_of):
        wanted = unit(targets) * np.linalg.norm(rows, axis=1).mean()
        self.before, self.after = rows.mean(axis=0), wanted.mean(axis=0)
        self.matrix = matrix_of(rows - self.before, wanted - self.after)

    def __call__(self, rows):
        return (rows - self.before) @ self.matrix + self.after


def rotation(x, y):
    """Procrustes: the rotation that takes x nearest to y."""
    left, _, right = np.linalg.svd(x.T @ y)
    return left @ right


def towards_identity(x, y):
    gram = x.T @ x
    pull = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.linalg.solve(gram + pull, x.T @ y + pull)


if __name__ == "__main__":
    pairs(original.onnx_file())
