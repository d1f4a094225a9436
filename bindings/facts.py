"""The facts of facts.json for languages other than Rust, and for the server: the bytes of each call, and whether what came of it is what Rust found.

`cargo test -p peakstream-bindings --test facts` writes what Rust found into target/bindings/facts.json; it checks the committed values.
"""

import array
import json
import pathlib
import wave

HERE = pathlib.Path(__file__).resolve().parent
DEMO = HERE.parent / "models" / "installed" / "demo"
FOUND_BY_RUST = HERE.parent / "target" / "bindings" / "facts.json"


def load():
    """All facts, in order."""
    return json.loads((HERE / "facts.json").read_text())["facts"]


def encode_mulaw(sample):
    """G.711 from the Recommendation, independently of the engine."""
    magnitude = min(abs(sample), 32635) + 132
    segment = magnitude.bit_length() - 8
    return ~((0x80 if sample < 0 else 0) | segment << 4 | (magnitude >> (segment + 3) & 15)) & 255


def encode_alaw(sample):
    """As encode_mulaw."""
    sample >>= 3
    sign, magnitude = (0x80, sample) if sample >= 0 else (0, ~sample)
    segment = max(magnitude.bit_length() - 5, 0)
    return (sign | segment << 4 | (magnitude >> max(segment, 1) & 15)) ^ 0x55


ENCODERS = {"mulaw": encode_mulaw, "alaw": encode_alaw}


def samples(recording):
    """The samples of a recording of the demonstration: 8 kHz, mono."""
    with wave.open(str(DEMO / recording), "rb") as file:
        return array.array("h", file.readframes(file.getnframes()))


def call_bytes(fact):
    """What a carrier would send of a fact's call."""
    if fact["bytes"] == "wav":
        data = (DEMO / fact["recording"]).read_bytes()
    elif fact["bytes"] == "s16le":
        data = samples(fact["recording"]).tobytes()
    else:
        data = bytes(map(ENCODERS[fact["bytes"]], samples(fact["recording"])))
    return data[: fact.get("most")]


def found_by_rust():
    """What each fact came to in Rust, by its name."""
    return json.loads(FOUND_BY_RUST.read_text())


def difference(name, found):
    """How what was found differs from what Rust found, to the bit; None if it does not."""
    expected = found_by_rust()[name]
    wrong = {member: (found.get(member), value) for member, value in expected.items() if found.get(member) != value}
    return f"{name}: (found, by Rust) are {wrong}" if wrong else None
