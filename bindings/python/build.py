#!/usr/bin/env python3
"""Builds the wheel into target/bindings/python/wheels, with pinned tools in an environment of its own. Standard library only.

What peakstream.install_models() needs of the checkout's models/ is laid into the package first (no weights: they are fetched from the
package registry; the countermeasure and the telephone delta are our own and come along).

exit status: 0 built; 1 not
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
MODELS = REPOSITORY / "models"
WORK = REPOSITORY / "target" / "bindings" / "python"
WHEELS = WORK / "wheels"
INSTALLER = HERE / "python" / "peakstream" / "_installer"
INSTALLED_FROM = (
    "install.py",
    "manifest.toml",
    "requirements.txt",
    "convert",
    "golden",
    "reference",
    "calibration",
    "authenticity/authenticity.onnx",
    "authenticity/authenticity.json",
    "authenticity/golden.json",
    "adaptation/telephone.safetensors",
)

sys.path.insert(0, str(MODELS))
import install  # noqa: E402  the one way this repository makes a pinned Python environment


def environment(progress):
    """A Python with maturin and what the tests need."""
    folder = WORK / "venv"
    folder.parent.mkdir(parents=True, exist_ok=True)
    install.make_environment(progress, folder, HERE / "tests" / "requirements.txt", "maturin, pytest, mypy, pyright, clients")
    return install.python_of(folder)


def lay_out_installer():
    shutil.rmtree(INSTALLER, ignore_errors=True)
    for name in INSTALLED_FROM:
        source, target = MODELS / name, INSTALLER / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "calls*", "*.md", "*.sh"))
        else:
            shutil.copy(source, target)


def build(python, release):
    """The path of the wheel."""
    lay_out_installer()
    shutil.rmtree(WHEELS, ignore_errors=True)
    command = [python, "-m", "maturin", "build", "--quiet", "--locked", "--interpreter", python, "--out", WHEELS]
    command += ["--profile", "release" if release else "dev"]
    subprocess.run([str(part) for part in command], cwd=HERE, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    (wheel,) = WHEELS.glob("*.whl")
    return wheel


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", action="store_true", help="optimised")
    arguments = parser.parse_args()
    try:
        wheel = build(environment(install.Progress(quiet=False)), arguments.release)
    except (install.Failure, subprocess.CalledProcessError) as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    print(f"{os.path.relpath(wheel)}: {wheel.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
