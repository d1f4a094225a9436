#!/usr/bin/env python3
"""Builds the wheel, installs it into an environment of its own and tests it there: one command, standard library only.

Needs a built server (cargo build -p peakstream-server), installed models (make models) and Node.js. Arguments go to pytest.

environment:
  PEAKSTREAM_BIN            the server that the client is tested with (default: target/debug/peakstream)
  PEAKSTREAM_WITHOUT_NODE   1: leave pyright out, which is then reported as not run

exit status: pytest's own; 1 if the wheel cannot be built or is too large
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


class TooLarge(Exception):
    """A wheel that has more than it may."""


def built(python, release):
    """The path of the wheel, small enough; its size is printed."""
    wheel = build.build(python, release)
    with zipfile.ZipFile(wheel) as archive:
        models = sum(file.compress_size for file in archive.infolist() if file.filename.endswith(MODELS))
    size = wheel.stat().st_size - models
    print(f"  {wheel.name}: {size / 1e6:.1f} MB, and {models / 1e6:.1f} MB of models of our own", flush=True)
    if size > LARGEST:
        raise TooLarge(f"the wheel has {size} bytes without models, at most {LARGEST} are allowed")
    return wheel


def main():
    try:
        python = build.environment(install.Progress(quiet=False))
        wheel = built(python, release=False)
    except (install.Failure, TooLarge, subprocess.CalledProcessError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    # With nothing but what the wheel asks for and the tests' tools, which are pinned.
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-index", "--no-deps", "--force-reinstall", wheel]
    subprocess.run([str(part) for part in command], check=True)
    sys.stdout.flush()
    return subprocess.call([str(python), "-m", "pytest", "-c", str(HERE.parent / "pyproject.toml"), "--rootdir", str(HERE), str(HERE), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
