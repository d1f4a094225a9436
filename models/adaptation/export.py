"""Writes what was trained: the committed delta (f16), and the ONNX files of the final model and of each fold for judge.py.

    python export.py
"""

import hashlib

import numpy as np

import original
import paths
import campplus  # of models/convert, which paths puts within reach
from reference import tensors


def main():
    published = original.tensors()
    for run in sorted(paths.RUNS.glob("*.npz")):
        with np.load(run) as stored:
            data = tensors.dump(dict(stored), "F16")
        adapted = campplus.adapted(published, tensors.load(data))
        model = campplus.build(adapted).SerializeToString(deterministic=True)
        run.with_suffix(".onnx").write_bytes(model)
        if run.stem == "final":
            paths.DELTA.write_bytes(data)
            print(f"{paths.DELTA.name}: {len(data)} bytes")
            print("for models/manifest.toml:")
            print(f'  [[model]] campplus: sha256 = "{hashlib.sha256(model).hexdigest()}", sha224 = "{hashlib.sha224(model).hexdigest()}"')
            print(f'  [model.delta]:      sha256 = "{hashlib.sha256(data).hexdigest()}"')


if __name__ == "__main__":
    main()
