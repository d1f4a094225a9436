"""Poor speech and doubt, as the real clients hear of them: beside the result, instead of it, or as a third answer."""

import json
import subprocess
from pathlib import Path

import pytest

from support import audio, calls
from support.rest import Rest
from support.server import BINARY, Server


@pytest.fixture(scope="module")
def strict_gates(tmp_path_factory):
    """A server that takes no noise."""
    running = Server(tmp_path_factory.mktemp("gates"), "--quality-gates=signal_noise_ratio=refuse").ready()
    yield running
    running.kill()


def reasons(event):
    return [one["reason"] for one in event.data.get("quality", [])]


def test_noise_is_a_word_beside_the_result_and_a_good_call_has_none(server):
    good, poor = calls.register(server), calls.register(server, audio.noisy(audio.files("enrol")[0]))
    assert (good.name, reasons(good), "quality" in good.data) == ("result-success", [], False)
    assert poor.name == "result-success" and "signal_noise_ratio" in reasons(poor), poor.data
    noise = next(one for one in poor.data["quality"] if one["reason"] == "signal_noise_ratio")
    assert noise["value"] < noise["limit"] == 8 and noise["unit"] == "dB"
    polled = Rest(server).session({"id": poor.data["session_id"]})
    assert polled["quality"] == poor.data["quality"]


def test_an_operator_can_refuse_noise_in_the_words_of_the_batch_api_and_a_tenant_can_take_it(strict_gates):
    refused = calls.register(strict_gates, audio.noisy(audio.files("enrol")[0]))
    assert refused.name == "error-das-Peak"
    told = {name: refused.data[name] for name in ("exception", "error", "content")}
    noise = "Noise level exceeded"
    assert told == {"exception": "SignalNoiseRatioException", "error": noise, "content": noise}
    assert reasons(refused) == ["signal_noise_ratio"]
    polled = Rest(strict_gates).session({"id": refused.data["session_id"]})
    assert (polled["status"], polled["exception"]) == ("error", "SignalNoiseRatioException")

    assert strict_gates.tenant("gates", "signal_noise_ratio=warn")["gates"] == ["signal_noise_ratio=warn"]
    assert calls.register(strict_gates, audio.noisy(audio.files("enrol")[0])).name == "result-success"
    assert strict_gates.tenant("gates", "signal_noise_ratio=none")["gates"] == []


def test_a_tenant_hears_of_doubt_if_it_asks_for_it(strict_gates):
    registered = calls.register(strict_gates)
    credential = registered.data["credential"]
    assert "outcome" not in registered.data
    strict_gates.tenant("doubt", "--reject-below", "0", "--accept-from", "1")
    doubtful = calls.verify(strict_gates, credential, audio.same())
    assert (doubtful.name, doubtful.data["outcome"]) == ("result-success", "doubtful")
    strict_gates.tenant("doubt", "--reject-below", "none", "--accept-from", "none", "--net-speech", "3.5")
    sure = calls.verify(strict_gates, credential, audio.same())
    assert (sure.name, sure.data["outcome"]) == ("result-success", "accepted")
    short = calls.verify(strict_gates, credential, audio.same(), seconds=3.0)
    assert (short.name, short.data["outcome"]) == ("result-success", "doubtful"), short.data
    assert Rest(strict_gates).session({"id": short.data["session_id"]}, "verify")["outcome"] == "doubtful"
    assert strict_gates.tenant("doubt", "--net-speech", "none")["doubt"] is None


def test_a_tenants_bound_may_go_by_the_impostors_that_reach_it(strict_gates):
    calibration = json.loads((Path(__file__).parents[3] / "models/installed/calibration/telephone-channel.json").read_text())
    bounds = {point["name"]: point["score"] for point in calibration["operating_points"]}
    credential = calls.register(strict_gates).data["credential"]
    said = strict_gates.tenant("doubt", "--reject-below", "far=1%", "--accept-from", "far=0.1%")["doubt"]
    assert said == {"reject_below": "far=1%", "accept_from": "far=0.1%"}
    for recording in (audio.same(), audio.mulaw(audio.files("other")[0])):
        result = calls.verify(strict_gates, credential, recording)
        low, high = (result.data["score"] >= bounds[name] for name in ("far=1%", "far=0.1%"))
        assert result.data["outcome"] == ("accepted" if high else "doubtful" if low else "rejected"), result.data
    assert bounds["far=0.01%"] is None, "too few trials"
    command = [BINARY, "tenant", "doubt", "default", "--accept-from", "far=0.01%", "--data-dir", strict_gates.data_dir]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "trials did not suffice" in refused.stderr and "far=0.1%" in refused.stderr
    strict_gates.tenant("doubt", "--reject-below", "none", "--accept-from", "none")
