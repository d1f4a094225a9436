"""What both commands of this folder need before they can start: the data, the models, a Python with the packages.

    python3 prepare.py PROGRAM [ARGUMENT ...]        runs another program in that Python

Standard library only: it runs in whatever Python the person has, and starts the command again in the private one.
"""

import argparse
import os
import pathlib
import runpy
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models"))
import install  # noqa: E402

FOLDER = ROOT / "target" / "eval"
DATA = ROOT.parent / "shared" / "data"
LISTS = {"dev": "trials_dev.csv", "fixtures": "trials_fixtures.csv"}

MISSING_DATA = """the evaluation needs recorded speech that is not part of the repository:
  {data}
with {names} (columns label, enroll, test, source, gender, condition; clips separated by a bar)
and the 16 kHz FLAC clips they name. Put such a folder there, or name one with --data FOLDER."""


def need_data(data, names):
    if not all((data / name).is_file() for name in names):
        print(MISSING_DATA.format(data=data, names=", ".join(names)), file=sys.stderr)
        sys.exit(2)


def trial_list(description):
    """What the commands of this folder take: the folder with the recorded speech and the name of a list in it, both there; inside the private Python."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", choices=sorted(LISTS), default="dev", help="which list (default: dev; fixtures is a small one)")
    parser.add_argument("--data", type=pathlib.Path, default=DATA, help="folder with the lists and clips/")
    arguments = parser.parse_args()
    data, listing = arguments.data.resolve(), LISTS[arguments.trials]
    need_data(data, [listing])
    enter_environment()
    return data, listing


def enter_environment():
    """Returns inside the private Python; installs models and packages on the way if they are missing."""
    folder = FOLDER / "venv"
    if pathlib.Path(sys.prefix).resolve() == folder.resolve():
        return
    try:
        progress = install.Progress(quiet=False)
        install.install(force=False, quiet=True)
        install.make_environment(progress, folder, ROOT / "benches" / "requirements.txt", "numpy, scipy, onnxruntime")
    except install.Failure as failure:
        sys.exit(f"eval: {failure}")
    python = str(install.python_of(folder))
    sys.stdout.flush()
    os.execve(python, [python, *sys.argv], {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})


def main():
    if len(sys.argv) < 2:
        sys.exit("prepare.py: which program? See the head of this file.")
    enter_environment()
    del sys.argv[0]
    sys.path.insert(0, str(pathlib.Path(sys.argv[0]).resolve().parent))
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
