#!/usr/bin/env python3
"""Tests the built server from outside, with the clients that customers use: one command, standard library only.

  1. the demonstration calls, models/installed/demo (real recorded speech), if they are not there yet
  2. a private Python in target/clients/venv: python-socketio, requests, websockets, pytest (pinned, hash-checked)
  3. the JavaScript client in target/clients/js (pinned, hash-checked)
  4. pytest over test_*.py in this folder, against `peakstream serve`

Arguments go to pytest: `run.py -k verify -x`. Needs a built server (cargo build -p peakstream-server), installed models
(make models) and Node.js with npm.

environment:
  PEAKSTREAM_BIN            the server to test (default: target/debug/peakstream)
  PEAKSTREAM_WITHOUT_NODE   1: leave the JavaScript client out; its tests are then reported as not run

exit status: pytest's own; 2 if something that the tests need is missing
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
MODELS = REPOSITORY / "models"
INSTALLED = MODELS / "installed"
WORK = REPOSITORY / "target" / "clients"
LOCKED = ("package.json", "package-lock.json", ".npmrc")

sys.path.insert(0, str(MODELS))
import install  # noqa: E402  the one way this repository makes a pinned Python environment


class Missing(Exception):
    """Something that the tests need is not there; the text says what to do."""


def server_binary():
    binary = pathlib.Path(os.environ.get("PEAKSTREAM_BIN") or REPOSITORY / "target" / "debug" / "peakstream").resolve()
    if not os.access(binary, os.X_OK):
        raise Missing(f"no server at {binary}: build it (cargo build -p peakstream-server) or set PEAKSTREAM_BIN")
    return binary


def demonstration_calls():
    if (INSTALLED / "demo" / "calls.json").is_file():
        return
    if subprocess.call([sys.executable, MODELS / "demo_audio.py"]) != 0:
        raise Missing("the demonstration calls are not there; what to do stands above")


def python_environment(progress):
    folder = WORK / "venv"
    folder.parent.mkdir(parents=True, exist_ok=True)
    install.make_environment(progress, folder, HERE / "requirements.txt", "python-socketio, requests, pytest")
    return install.python_of(folder)


def javascript_client(progress):
    """The installed client's folder, or None if it was asked to be left out."""
    if os.environ.get("PEAKSTREAM_WITHOUT_NODE") == "1":
        return None
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise Missing(
            "Node.js with npm is needed to run the JavaScript client; install it, or set PEAKSTREAM_WITHOUT_NODE=1 "
            "to leave its tests out"
        )
    folder = WORK / "js"
    stamp = folder / "peakstream-stamp"
    wanted = hashlib.sha256(b"".join((HERE / "js" / name).read_bytes() for name in LOCKED)).hexdigest()
    with progress.step("javascript", f"socket.io-client in {os.path.relpath(folder)}") as step:
        if stamp.is_file() and stamp.read_text() == wanted:
            step.outcome = "cached"
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in LOCKED:
            shutil.copy(HERE / "js" / name, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.call(command, cwd=folder) != 0:
            raise Missing("the JavaScript client could not be installed; npm's message stands above")
        stamp.write_text(wanted)
    return folder


def main():
    progress = install.Progress(quiet=False)
    try:
        binary = server_binary()
        demonstration_calls()
        python = python_environment(progress)
        javascript = javascript_client(progress)
    except (Missing, install.Failure) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PEAKSTREAM_"))},
        "PYTHONDONTWRITEBYTECODE": "1",
        "CLIENT_TESTS_SERVER": str(binary),
        "CLIENT_TESTS_MODELS": os.environ.get("PEAKSTREAM_MODELS") or str(INSTALLED),
        "CLIENT_TESTS_DEMO": str(INSTALLED / "demo"),
        "CLIENT_TESTS_SHARED": str(REPOSITORY.parent / "shared"),
        "CLIENT_TESTS_JAVASCRIPT": str(javascript or ""),
    }
    sys.stdout.flush()
    return subprocess.call([python, "-m", "pytest", "-c", HERE / "pytest.ini", HERE, *sys.argv[1:]], env=environment)


if __name__ == "__main__":
    sys.exit(main())
