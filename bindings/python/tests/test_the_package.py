"""The package itself: its command line, its documentation, its types, how fast it is imported."""

import doctest
import inspect
import json
import pathlib
import subprocess
import sys

import pytest

import peakstream

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"


def python(*arguments, status=0):
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def public():
    """Every public name with its object, members of classes too."""
    for name in peakstream.__all__:
        found = getattr(peakstream, name)
        yield name, found
        if inspect.isclass(found) and found.__module__.startswith("peakstream"):
            for member in vars(found):
                if not member.startswith("_"):
                    yield f"{name}.{member}", inspect.getattr_static(found, member)


def test_everything_public_is_documented_and_its_examples_are_true():
    # Fields of a class stand in the documentation of the class.
    fields = {f"{owner}.{name}" for owner in ("Status", "Shortfall", "Quality", "Authenticity", "Registration", "Verification")
              for name in vars(getattr(peakstream, owner))}
    undocumented = [name for name, found in public() if name not in fields | {"__version__"} and not inspect.getdoc(found)]
    assert undocumented == []
    runner, parser, seen = doctest.DocTestRunner(), doctest.DocTestParser(), 0
    for name, found in public():
        test = parser.get_doctest(inspect.getdoc(found) or "", {}, name, None, 0)
        seen += len(test.examples)
        runner.run(test)
    assert runner.failures == 0 and seen >= 8


def test_every_reason_has_an_exception():
    names = {error.reason for error in vars(peakstream.errors).values() if inspect.isclass(error)}
    assert names == set(peakstream.errors.BY_REASON)


def test_the_stubs_name_what_the_compiled_half_has():
    stubs = (pathlib.Path(peakstream.__file__).parent / "_engine.pyi").read_text()
    import peakstream._engine as compiled

    for name in vars(compiled):
        if name.startswith("__"):
            continue
        found = getattr(compiled, name)
        if inspect.isclass(found):
            body = stubs.split(f"class {name}:")[1].split("\nclass ")[0]
            missing = [member for member in vars(found) if not member.startswith("_") and f"def {member}(" not in body]
            assert missing == [], name
        elif callable(found):
            assert f"def {name}(" in stubs


def test_examples_and_package_are_strictly_typed():
    pytest.importorskip("mypy")
    package = pathlib.Path(peakstream.__file__).parent
    mypy = ["-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", "/dev/null"]
    python(*mypy, "--exclude", "_installer", "-p", "peakstream")
    python(*mypy, *EXAMPLES.glob("*.py"))
    assert (package / "py.typed").is_file()


def test_it_is_imported_in_a_tenth_of_a_second_and_without_numpy():
    # Processor time, the best of some runs: other programs may have the machine.
    code = "import time; begun = time.process_time(); import peakstream; print(time.process_time() - begun)"
    assert min(float(python("-c", code)) for _ in range(5)) < 0.1
    python("-c", "import peakstream, sys; assert 'numpy' not in sys.modules")


def test_recordings_are_compared_registered_and_verified_on_the_command_line(demo, tmp_path):
    models = ["--models", demo("x").parents[1]]
    same, other = demo("allison-en-verify"), demo("other-man-it")
    said = json.loads(python("-m", "peakstream", "compare", demo("allison-en-enrol"), other, *models, status=1))
    assert said["score"] < said["threshold"]
    key, credential = tmp_path / "key", tmp_path / "allison.json"
    credential.write_text(python("-m", "peakstream", "register", demo("allison-en-enrol"), "--key", key, *models))
    assert key.stat().st_mode & 0o777 == 0o600
    verify = ["-m", "peakstream", "verify", credential]
    assert json.loads(python(*verify, same, "--key", key, *models))["score"] > 0.5
    python(*verify, other, "--key", key, *models, status=1)
    python(*verify, "no-such.wav", "--key", key, *models, status=2)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_the_examples_run(example, demo, monkeypatch):
    monkeypatch.setenv("PEAKSTREAM_MODELS", str(demo("x").parents[1]))
    recordings = {"score": ["allison-en-enrol", "allison-en-verify"], "live": ["allison-en-enrol"]}
    arguments = [demo(name) for name in recordings.get(example.stem, [])] or [demo("x").parent]
    assert python(example, *arguments).strip()
