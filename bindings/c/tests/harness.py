"""What the tests of the C library have in common: commands that must end as they should, the installed library, tools of the system."""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
import facts  # noqa: E402  beside the bindings

CRATE = HERE.parent
REPOSITORY = CRATE.parents[1]
DEMO = facts.DEMO
WORK = REPOSITORY / "target" / "bindings" / "c"
#: What `make install-c PROFILE=dev` builds.
ARCHIVE = REPOSITORY / "target" / "debug" / "libpeakstream_c.a"
PREFIX = WORK / "prefix"
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
#: What a program needs in its environment to find the library and the models.
INSTALLED = {"LD_LIBRARY_PATH": PREFIX / "lib", "PEAKSTREAM_MODELS": DEMO.parent}
#: For pkg-config, which then says what lies in the prefix.
DESCRIBED = {"PKG_CONFIG_PATH": PREFIX / "lib" / "pkgconfig"}


class Failed(Exception):
    """A test that is not as it should be; the text says how."""


class NotRun(Exception):
    """A test whose tools are not on this machine; the text says which."""


def needs(*tools):
    """Tools without which a test is left out, and that is said; PEAKSTREAM_NEEDS_C_TOOLS=1 makes it a failure."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise (Failed if os.environ.get("PEAKSTREAM_NEEDS_C_TOOLS") else NotRun)(f"not here: {', '.join(missing)}")


def run(*command, expect=0, stdin=None, only_output=False, cwd=REPOSITORY, **environment):
    """Output of a command, which must end with one of these statuses."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if only_output else subprocess.STDOUT,
        universal_newlines=True,
        cwd=cwd,
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
    )
    if done.returncode != expect:
        shown = " ".join(str(part) for part in command)
        said = done.stdout + (done.stderr or "")
        raise Failed(f"{shown}\n  ended with {done.returncode}, not {expect}:\n{said[-4000:]}")
    return done.stdout


def shell(line, **environment):
    """A line as a person types it."""
    return run("sh", "-ec", line, **environment)


def scratch(name):
    """An empty folder."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
