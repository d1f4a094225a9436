#!/usr/bin/env python3
"""Builds the optimised wheel and tries it as its users would, in a fresh environment of every Python at hand. `make wheel`

For each: `pip install` of the wheel, then the first lines of Python in README.md with two of the demonstration's recordings and
no models installed, so that they are fetched; then how long `import peakstream` takes in a fresh process. Pythons are those of PATH
and of pyenv; arguments name others. Needs the recordings (make demo-audio) and the package registry. Standard library only.

exit status: 0 all of them give the same score, import in time and the wheel is small enough; 1 something is not so
"""

import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import run
from run import build, install

VERSIONS = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.13t", "3.14t"]
DEMO = build.MODELS / "installed" / "demo"
LONGEST_IMPORT = 0.1
IMPORTS = 10
#: Of the processor: other programs may have the machine.
TIMED = "import time; begun = time.process_time(); import peakstream; print(time.process_time() - begun)"


def pythons():
    """Name and path of each Python at hand."""
    pyenv = sorted(pathlib.Path.home().glob(".pyenv/versions/*/bin"))
    for version in VERSIONS:
        places = [*map(str, pyenv), os.environ.get("PATH", "")]
        found = (shutil.which(f"python{version}", path=place) for place in places)
        yield version, next(filter(None, found), None)


def said_by(*command, **how):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, **how).stdout


def tried(python, wheel, lines, folder):
    """What one Python makes of the wheel."""
    said_by(python, "-m", "venv", folder / "venv")
    own, begun = install.python_of(folder / "venv"), time.monotonic()
    said_by(own, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel)
    installed = time.monotonic() - begun
    shutil.copy(DEMO / "allison-en-enrol.wav", folder / "alice.wav")
    shutil.copy(DEMO / "allison-en-verify.wav", folder / "call.wav")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PEAKSTREAM_")}
    begun = time.monotonic()
    score = said_by(own, "-c", lines, cwd=folder, env={**environment, "XDG_DATA_HOME": str(folder)}).splitlines()[-1]
    scored = time.monotonic() - begun
    imports = [float(said_by(own, "-c", TIMED, cwd=folder)) for _ in range(IMPORTS)]
    numpy = said_by(own, "-c", "import numpy; print(numpy.__version__)").strip()
    return numpy, installed, scored, min(imports), statistics.median(imports), score


def main():
    try:
        wheel = run.built(build.environment(install.Progress(quiet=False)), release=True)
    except (install.Failure, run.TooLarge, subprocess.CalledProcessError) as error:
        print(f"interpreters.py: {error}", file=sys.stderr)
        return 1
    lines = re.search(r"```python\n(.*?)```", (build.HERE / "README.md").read_text(), re.DOTALL).group(1)
    at_hand = [(name, name) for name in sys.argv[1:]] or list(pythons())
    scores, good = set(), True
    print("  python   numpy    pip install  models and score  import (least, median)  score")
    for name, python in at_hand:
        if python is None:
            print(f"  {name:8} not at hand")
            continue
        with tempfile.TemporaryDirectory(prefix="peakstream-wheel-") as folder:
            try:
                numpy, installed, scored, least, median, score = tried(python, wheel, lines, pathlib.Path(folder))
            except subprocess.CalledProcessError as error:
                print(f"  {name:8} FAILED\n{error.stdout}{error.stderr}")
                good = False
                continue
        good &= least <= LONGEST_IMPORT
        scores.add(score)
        print(f"  {name:8} {numpy:8} {installed:9.1f} s  {scored:14.1f} s  {least * 1e3:7.1f} ms {median * 1e3:7.1f} ms     {score}", flush=True)
    if not good or len(scores) != 1:
        print("interpreters.py: failed, or slow to import, or not one score for all", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
