"""The facts that Rust, C and Python share: statuses, scores and errors of real calls, to the bit."""

import math

import facts
import pytest

import peakstream


def found(engine, fact, credentials):
    data, frame = facts.call_bytes(fact), fact["frame"]
    try:
        with engine.open(**fact["open"]) as call:
            statuses = [call.push(data[at : at + frame]) for at in range(0, len(data), frame)]
            speech = call.finish()
        if fact.get("against") is None:
            said = engine.register(speech)
            credentials[fact["name"]] = said.credential
        else:
            said = engine.verify(credentials[fact["against"]], speech)
    except peakstream.Error as error:
        return {"outcome": error.reason}
    last = statuses[-1]
    return {
        "outcome": "ok",
        "boundaries": sum(status.boundary for status in statuses),
        "audio": last.audio,
        "percentage": last.percentage,
        "enough": last.enough,
        "score": getattr(said, "score", None),
        "warnings": [warning.gate for warning in said.warnings],
        **{name: getattr(said, name) for name in ("net_speech", "authenticity", "llr", "unjudged")},
    }


def test_python_finds_what_rust_finds(engine):
    credentials = {}
    wrong = [facts.difference(fact["name"], found(engine, fact, credentials)) for fact in facts.load()]
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_g711_is_written_as_the_recommendation_says(law):
    import numpy

    samples = numpy.arange(-32768, 32768, dtype=numpy.int16)
    data = peakstream.encode(samples, law)
    assert data == bytes(map(facts.ENCODERS[law], samples.tolist()))
    back = peakstream.decode(data, law)
    assert back.dtype == numpy.int16 and peakstream.encode(back, law).count(data[0]) == data.count(data[0])
    assert math.isclose(numpy.abs(back[::97] / 32768 - samples[::97] / 32768).max(), 0, abs_tol=0.02)
