"""Where things lie: the shared clips, the cache, the product."""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
MODELS = HERE.parent
REPOSITORY = MODELS.parent
for folder in (MODELS, MODELS / "convert"):
    sys.path.insert(0, str(folder))

DATA = pathlib.Path(os.environ.get("PEAKSTREAM_DATA", REPOSITORY.parent / "shared" / "data"))
CACHE = HERE / ".cache"
DEBS = CACHE / "debs"
MATERIAL = CACHE / "material"
RUNS = CACHE / "runs"
TRAINED = RUNS / "delta.npz"
ADAPTED = RUNS / "adapted.onnx"  # with delta and centre, as shipped
DELTA, CENTRE = HERE / "telephone.safetensors", HERE / "centre.npy"
FIGURES = HERE / "figures.json"
