"""Writes what was trained: the committed delta (f16) with the centre in its last bias, the centre alone for who compares without it, and the
whole network for judge.py.

    python export.py

The centre is the mean of the published network's embeddings of the material's human voices. It is what all voices have in common and
says nothing about whose one is, so the last layer takes it away.
"""

import hashlib

import numpy as np

import original
import paths
import sources
import campplus  # of models/convert, which paths puts within reach
from network import LAST_NORM
from reference import tensors


def centre():
    """192 values; every voice weighs the same."""
    voices = {}
    for path in sorted(paths.MATERIAL.glob("*/*.npz")):
        if path.parent.name != sources.SYNTHETIC:
            with np.load(path) as stored:
                voices.setdefault((path.parent.name, path.stem.rsplit("__", 2)[0]), []).append(stored["target"])
    return np.mean([np.mean(targets, axis=0) for targets in voices.values()], axis=0)


def main():
    with np.load(paths.TRAINED) as stored:
        delta = dict(stored)
    np.save(paths.CENTRE, centre())
    delta[f"{LAST_NORM}.bias"] = delta[f"{LAST_NORM}.bias"] - np.load(paths.CENTRE)
    data = tensors.dump(delta, "F16")
    model = campplus.build(campplus.adapted(original.tensors(), tensors.load(data))).SerializeToString(deterministic=True)
    paths.DELTA.write_bytes(data)
    paths.ADAPTED.write_bytes(model)
    print(f"{paths.DELTA.name}: {len(data)} bytes")
    print("for models/manifest.toml:")
    print(f'  [[model]] campplus: sha256 = "{hashlib.sha256(model).hexdigest()}", sha224 = "{hashlib.sha224(model).hexdigest()}"')
    print(f'  [model.delta]:      sha256 = "{hashlib.sha256(data).hexdigest()}"')


if __name__ == "__main__":
    main()
