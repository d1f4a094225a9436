"""Where things lie, relative to this folder: the shared clips, the cache, the products."""

import os
import pathlib
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
# Clips with speakers and licences live beside the repository, not in it (audio is never committed).
SHARED_DATA = pathlib.Path(os.environ.get("PEAKSTREAM_DATA", REPOSITORY.parent / "shared" / "data"))
CACHE = pathlib.Path(os.environ.get("PEAKSTREAM_AUTHENTICITY_CACHE", HERE / ".cache"))
# Scores, model, calibration, golden vectors and card are committed; a trial on a share of the material leaves its own elsewhere.
PRODUCTS = pathlib.Path(os.environ.get("PEAKSTREAM_AUTHENTICITY_PRODUCTS", HERE))
ITEMS = CACHE / "items"
INDEX = CACHE / "index.csv"
WHEELS = CACHE / "wheels"
DEBS = CACHE / "debs"
NPM = CACHE / "npm"


def require_shared_data():
    """Exit with an explanation when the clips are not there."""
    if not (SHARED_DATA / "manifest.csv").exists():
        sys.exit(
            "training the authenticity model needs the shared clips: no manifest.csv in "
            f"{os.path.relpath(SHARED_DATA)}. Put the folder `shared/data` beside the repository or set "
            "PEAKSTREAM_DATA to it. (Using the committed model needs none of this.)"
        )


def wheel(package):
    """The file of a downloaded wheel."""
    for file in sorted(WHEELS.glob(f"{package}-*.whl")):
        return file
    sys.exit(f"wheel {package} is missing in the cache: run sources.py, which fetches it")


def wheel_member(package, member):
    """Bytes of one member of a downloaded wheel, e.g. the Silero network."""
    return zipfile.ZipFile(wheel(package)).read(member)
