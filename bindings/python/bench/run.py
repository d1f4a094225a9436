#!/usr/bin/env python3
"""What Python costs: bindings/python/bench/run.py

  push    20 ms of mu-law pushed into a call, from Python and from Rust, the same call heard in turn by one and the other
  embed   the same recordings embedded by peakstream and by Resemblyzer, each in a process of its own, by one thread and by two

Prints least and median of all rounds; nothing is judged here: machines differ, read differences and ratios. Needs the recordings
(make demo-audio), models (make models), and for Resemblyzer Debian's python3-torch and python3-scipy with its /usr/bin/python3: the package
registry has torch with CUDA alone, of gigabytes. Without them that half is reported as not run. Builds the optimised wheel first
(minutes the first time). Standard library only.
"""

import argparse
import array
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import wave

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import build  # noqa: E402
from build import install  # noqa: E402

INSTALLED = build.MODELS / "installed"
DEBIAN = "/usr/bin/python3"
PIECE_SECONDS, PIECE_COUNT = 8, 16
THREADS = (1, 2)


def run(*command, **environment):
    command = [str(part) for part in command]
    environment = {**os.environ, **environment}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=build.REPOSITORY, env=environment).stdout


def report(name, values, unit, scale=1.0):
    least, median = min(values) / scale, statistics.median(values) / scale
    print(f"  {name:40} {least:9.2f} {median:9.2f}  {unit}", flush=True)
    return least, median


def environment_with(wheel):
    """A Python with the wheel, and whether it has Resemblyzer too."""
    folder = build.WORK / "bench"
    has_torch = subprocess.run([DEBIAN, "-c", "import torch, scipy, numpy"], capture_output=True).returncode == 0
    run(DEBIAN if has_torch else sys.executable, "-m", "venv", "--clear", "--system-site-packages", "--without-pip", folder)
    python = install.python_of(folder)
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check"]
    run(*pip, wheel)
    if has_torch:
        run(*pip, "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", HERE / "requirements.txt")
    return python, has_torch


def push(python, rounds):
    run("cargo", "build", "-q", "--release", "-p", "peakstream-bindings", "--example", "push")
    rust = build.REPOSITORY / "target" / "release" / "examples" / "push"
    arguments = [INSTALLED, INSTALLED / "demo" / "allison-en-verify.wav", 5]
    found = {"Rust": [], "Python": []}
    for _ in range(rounds):
        for name, command in (("Rust", [rust]), ("Python", [python, HERE / "push.py"])):
            found[name] += map(float, run(*command, *arguments).split())
    print("push of 20 ms                                  least    median")
    least, median = zip(*(report(name, values, "µs", 1000) for name, values in found.items()))
    print(f"  {'difference':40} {least[1] - least[0]:9.2f} {median[1] - median[0]:9.2f}  µs")


def pieces(folder):
    """Recordings of one length, of the demonstration's."""
    written = 0
    for file in sorted((INSTALLED / "demo").glob("*.wav")):
        with wave.open(str(file)) as whole:
            parameters, samples = whole.getparams(), array.array("h", whole.readframes(whole.getnframes()))
        length = PIECE_SECONDS * parameters.framerate
        for at in range(0, len(samples) - length + 1, length):
            if written == PIECE_COUNT:
                return
            with wave.open(str(folder / f"{written:02}.wav"), "wb") as piece:
                piece.setparams(parameters)
                piece.writeframes(samples[at : at + length].tobytes())
            written += 1


def embed(python, names, rounds):
    seconds, peaks, ready = {}, {}, {}
    with tempfile.TemporaryDirectory(prefix="peakstream-bench-") as folder:
        pieces(pathlib.Path(folder))
        for _ in range(rounds):
            for threads in THREADS:
                for name in names:
                    of = (name, threads)
                    # Whoever brings a pool of its own inside an operation keeps to one thread: recordings are what runs side by side.
                    said = json.loads(run(python, HERE / "embed.py", name, INSTALLED, folder, threads, 2, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))
                    seconds.setdefault(of, []).extend(said["seconds"])
                    peaks.setdefault(of, []).append(said["peak"])
                    ready.setdefault(of, []).append(said["ready"])
    print(f"{PIECE_COUNT} recordings of {PIECE_SECONDS} s embedded                  least    median")
    for name, threads in seconds:
        title, of = f"{name}, {threads} thread{'s' * (threads > 1)}", (name, threads)
        report(f"{title}: all of them", seconds[of], "s")
        report(f"{title}: until the first", ready[of], "s")
        report(f"{title}: peak resident memory", peaks[of], "MiB")
    for name in names:
        print(f"  {name}: two threads are {min(seconds[name, 1]) / min(seconds[name, 2]):.2f} times as fast as one")
    if len(names) == 2:
        ratios = [min(seconds[names[1], threads]) / min(seconds[names[0], threads]) for threads in THREADS]
        print(f"  {names[0]} beside {names[1]}: {ratios[0]:.1f} times as fast with one thread, {ratios[1]:.1f} with two")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="processes of each kind [default: 3]")
    parser.add_argument("only", nargs="?", choices=("push", "embed"))
    arguments = parser.parse_args()
    try:
        wheel = build.build(build.environment(install.Progress(quiet=False)), release=True)
        python, has_torch = environment_with(wheel)
        if arguments.only != "embed":
            push(python, arguments.rounds)
        if arguments.only != "push":
            if not has_torch:
                print(f"Resemblyzer: not run, {DEBIAN} has no torch (apt-get install python3-torch python3-scipy)")
            embed(python, ["peakstream", *["resemblyzer"] * has_torch], arguments.rounds)
    except (install.Failure, subprocess.CalledProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
