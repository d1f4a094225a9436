#!/usr/bin/env python3
"""What Python costs: bindings/python/bench/run.py [push|embed]

  push    20 ms of a call pushed from Python and from Rust: batches of the same frames, one by one and the other in turn, on one core; what
          Python adds is the median of the differences within the pairs, which another load of the machine does not move
  embed   the same recordings embedded by peakstream and by Resemblyzer, each in a process of its own, by one thread and by two

Prints least and median of all rounds; nothing is judged here: machines differ, read differences and ratios. Needs the recordings
(make demo-audio), models (make models), and for Resemblyzer Debian's python3-torch and python3-scipy with its /usr/bin/python3: the package
registry has torch with CUDA alone, of gigabytes. Without them that half is reported as not run. Builds the optimised wheel first
(minutes the first time). Standard library only.

exit status: 0 measured; 1 something could not be built or run
"""

import argparse
import array
import contextlib
import json
import math
import os
import pathlib
import platform
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
#: What embed.py exits with, if the machine has no such precision.
UNAVAILABLE = 3
#: What push.py and push.rs are told, and what it is.
PUSHES = {"mulaw": "20 ms of mu-law, as bytes", "pcm": "20 ms of 16-bit samples, as an array", "nothing": "no byte, so that the engine has nothing to do"}


def run(*command, **environment):
    command = [str(part) for part in command]
    environment = {**os.environ, **environment}
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=build.REPOSITORY, env=environment).stdout


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


class Asked:
    """A program that says how long a batch of pushes took, when it is told how to push them."""

    def __init__(self, *command):
        command = [str(part) for part in command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=build.REPOSITORY)
        # One core for all of them: cores may differ in what else they do.
        os.sched_setaffinity(self.process.pid, {min(os.sched_getaffinity(0))})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def nanoseconds(self, how):
        self.process.stdin.write(how + "\n")
        return float(self.process.stdout.readline())


def median_within(values):
    """The median, and between what it lies with 95 % confidence, whatever the values' distribution."""
    ordered, half = sorted(values), 0.98 * math.sqrt(len(values))
    middle = len(values) / 2
    return statistics.median(ordered), ordered[max(0, int(middle - half))], ordered[min(len(values) - 1, int(middle + half))]


def push(python, pairs):
    run("cargo", "build", "-q", "--release", "-p", "peakstream-bindings", "--example", "push")
    arguments = [INSTALLED, INSTALLED / "demo" / "allison-en-verify.wav"]
    programs = {"Rust": [build.REPOSITORY / "target" / "release" / "examples" / "push", *arguments], "Python": [python, HERE / "push.py", *arguments]}
    found = {how: {name: [] for name in programs} for how in PUSHES}
    with contextlib.ExitStack() as all_of_them:
        asked = {name: all_of_them.enter_context(Asked(*command)) for name, command in programs.items()}
        for pair in range(pairs):
            for how, by_program in found.items():
                for name in sorted(asked, reverse=pair % 2):
                    by_program[name].append(asked[name].nanoseconds(how))
    print(f"{f'one push, µs, {pairs} pairs of batches':44} Rust least median   Python least median   difference, median (95 %)")
    for how, title in PUSHES.items():
        rust, own = found[how]["Rust"], found[how]["Python"]
        median, low, high = (value / 1000 for value in median_within([one - other for one, other in zip(own, rust)]))
        columns = "        ".join(f"{min(values) / 1000:9.2f} {statistics.median(values) / 1000:7.2f}" for values in (rust, own))
        print(f"  {title:42} {columns}   {median:9.2f} ({low:.2f} to {high:.2f})", flush=True)


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


def embed(python, with_resemblyzer, rounds):
    found, titles = {}, {}
    candidates = ["f32", "int8", *["resemblyzer"] * with_resemblyzer]
    with tempfile.TemporaryDirectory(prefix="peakstream-bench-") as folder:
        pieces(pathlib.Path(folder))
        for threads in THREADS * rounds:
            for name in list(candidates):
                # Whoever brings a pool of its own inside an operation keeps to one thread: recordings are what runs side by side.
                alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
                try:
                    said = json.loads(run(python, HERE / "embed.py", name, INSTALLED, folder, threads, 2, **alone))
                except subprocess.CalledProcessError as error:
                    if error.returncode != UNAVAILABLE:
                        raise
                    candidates.remove(name)
                    continue
                titles[name] = said["title"]
                of = found.setdefault((name, threads), {"seconds": [], "ready": [], "peak": []})
                of["seconds"] += said["seconds"]
                of["ready"].append(said["ready"])
                of["peak"].append(said["peak"])
    print(f"{f'{PIECE_COUNT} recordings of {PIECE_SECONDS} s embedded':36} threads  least s  median s  first after s  peak MiB")
    for name in candidates:
        for threads in THREADS:
            of = found[name, threads]
            least, median = min(of["seconds"]), statistics.median(of["seconds"])
            print(f"  {titles[name]:34} {threads:7} {least:8.2f} {median:9.2f} {min(of['ready']):14.2f} {max(of['peak']):9.0f}")
    least = {of: min(figures["seconds"]) for of, figures in found.items()}
    for name in candidates:
        print(f"  {titles[name]}: two threads are {least[name, 1] / least[name, 2]:.2f} times as fast as one")
    if with_resemblyzer:
        for name in candidates[:-1]:
            ratios = " and ".join(f"{least['resemblyzer', threads] / least[name, threads]:.1f}" for threads in THREADS)
            print(f"  {titles[name]}: {ratios} times as fast as Resemblyzer, by one thread and by two")


def machine(python):
    """What was measured on, and how busy it was."""
    names = [line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    versions = run(python, "-c", "import numpy, platform; print(f'Python {platform.python_version()}, numpy {numpy.__version__}')").strip()
    load = os.getloadavg()[0]
    return f"{next(iter(names), platform.machine())}, {len(os.sched_getaffinity(0))} cores, load {load:.1f} before; {versions}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000, help="push: batches of each kind, from Python and from Rust [default: 2000]")
    parser.add_argument("--rounds", type=int, default=3, help="embed: processes of each kind, which embed everything twice [default: 3]")
    parser.add_argument("only", nargs="?", choices=("push", "embed"))
    arguments = parser.parse_args()
    try:
        wheel = build.build(build.environment(install.Progress(quiet=False)), release=True)
        python, has_torch = environment_with(wheel)
        print(machine(python), flush=True)
        if arguments.only != "embed":
            push(python, arguments.pairs)
        if arguments.only != "push":
            if not has_torch:
                print(f"Resemblyzer: not run, {DEBIAN} has no torch (apt-get install python3-torch python3-scipy)")
            embed(python, has_torch, arguments.rounds)
    except (install.Failure, subprocess.CalledProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
