#!/usr/bin/env python3
"""Builds the wheel, installs it into a fresh environment and tests it there: one command, standard library only.

Arguments go to pytest. exit status: pytest's own; 1 if the wheel cannot be built or is too large
"""

import pathlib
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import build  # noqa: E402  beside the tests
from build import install  # noqa: E402

LARGEST = 8_000_000
MODELS = (".onnx", ".safetensors")


def main():
    try:
        python = build.environment(install.Progress(quiet=False))
        wheel = build.build(python, release=False)
    except (install.Failure, subprocess.CalledProcessError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    with zipfile.ZipFile(wheel) as archive:
        models = sum(file.compress_size for file in archive.infolist() if file.filename.endswith(MODELS))
    size = wheel.stat().st_size - models
    print(f"  {wheel.name}: {size / 1e6:.1f} MB, and {models / 1e6:.1f} MB of models of our own", flush=True)
    if size > LARGEST:
        print(f"run.py: the wheel has {size} bytes without models, at most {LARGEST} are allowed", file=sys.stderr)
        return 1
    # Fresh, with nothing but what the wheel asks for and the tests' tools, which are pinned.
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-index", "--no-deps", "--force-reinstall", wheel]
    subprocess.run([str(part) for part in command], check=True)
    sys.stdout.flush()
    return subprocess.call([str(python), "-m", "pytest", "-c", str(HERE.parent / "pyproject.toml"), "--rootdir", str(HERE), str(HERE), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
