"""The engine, once for all tests, and the demonstration's recordings."""

import pathlib
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DEMO = REPOSITORY / "models" / "installed" / "demo"
sys.path.insert(0, str(REPOSITORY / "bindings"))


@pytest.fixture(scope="session")
def engine():
    import peakstream

    return peakstream.Engine(DEMO.parent)


@pytest.fixture(scope="session")
def demo():
    """The path of a recording of the demonstration, by its name without ending."""
    return lambda name: DEMO / f"{name}.wav"


@pytest.fixture(scope="session")
def allison(engine, demo):
    return engine.register(demo("allison-en-enrol")).credential
