"""Voices registered, verified, compared, identified and judged; credentials; embeddings."""

import threading

import numpy
import pytest

import peakstream

SAME = ("allison-en-verify", "allison-es-verify")
OTHERS = ("other-man-it", "other-woman-fr")


def test_a_caller_is_known_again_and_others_are_not(engine, demo, allison):
    threshold = engine.calibration().threshold("far=1%")
    scores = {name: engine.verify(allison, demo(name)).score for name in SAME + OTHERS}
    assert all(scores[name] >= threshold for name in SAME) and all(scores[name] < threshold for name in OTHERS), scores


def test_identify_puts_the_speaker_first(engine, demo, allison):
    everyone = {name: engine.register(demo(name)).credential for name in OTHERS}
    everyone["allison"] = allison
    found = engine.identify(everyone, demo("allison-en-verify"))
    assert [name for name, _ in found][0] == "allison" and len(found) == 3
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    with pytest.raises(TypeError, match="credentials"):
        engine.identify({"x": 1}, demo("allison-en-verify"))


def test_a_share_of_attacks_moves_the_posterior_and_not_the_evidence(engine, demo):
    rare, common = (engine.authenticity(demo("allison-en-verify"), attack_rate=rate) for rate in (0.01, 0.5))
    assert rare.llr == common.llr and rare.authenticity > common.authenticity and rare.unjudged is None
    with pytest.raises(ValueError, match="attack_rate is 0"):
        engine.authenticity(demo("allison-en-verify"), attack_rate=0)


def test_too_little_speech_is_an_error_for_a_decision_and_a_reason_for_authenticity(engine, demo):
    samples, rate = peakstream.load_audio(demo("allison-en-verify"))
    brief = samples[: 2 * rate]
    with pytest.raises(peakstream.errors.TooLittleSpeech, match="net_speech") as raised:
        engine.register(brief, rate)
    assert raised.value.reason == "too_little_speech"
    said = engine.authenticity(brief, rate)
    assert said.unjudged == "net_speech" and said.llr is None and said.authenticity == pytest.approx(0.99)
    with pytest.raises(peakstream.errors.TooLittleSpeech):
        engine.embed(numpy.zeros(8000, numpy.int16), 8000)


def test_a_credential_is_sealed_for_its_tenant_and_keys_rotate(allison):
    old, new = peakstream.CredentialKey.generate(), peakstream.CredentialKey.generate()
    text = allison.seal(old, tenant="anna")
    opened = peakstream.Credential.open(text, [new, old], tenant="anna")
    assert (opened.created_at, opened.model, opened.calibration) == (allison.created_at, allison.model, allison.calibration)
    numpy.testing.assert_array_equal(opened.embedding(), allison.embedding())
    for arguments, error in (
        ((text, new, "anna"), peakstream.errors.UnknownKey),
        ((text, old, "otto"), peakstream.errors.CredentialRefused),
        (("hello", old, "anna"), peakstream.errors.NotACredential),
    ):
        with pytest.raises(error):
            peakstream.Credential.open(*arguments)
    with pytest.raises(ValueError, match="7 bytes; 8 expected"):
        peakstream.CredentialKey(b"1234567", bytes(32))
    with pytest.raises(TypeError, match="CredentialKey or a sequence of them expected, got int"):
        allison.seal(7)
    assert old.secret.hex() not in repr(old) and peakstream.CredentialKey(old.id, old.secret).secret == old.secret


def test_embeddings_of_a_batch_are_those_of_each_whatever_the_threads(engine, demo):
    files, brief = [demo(name) for name in SAME + OTHERS], {"seconds": 5.0}
    one_by_one = numpy.stack([engine.embed(file, **brief) for file in files])
    assert one_by_one.shape == (4, 192) and one_by_one.dtype == numpy.float32
    numpy.testing.assert_allclose(numpy.linalg.norm(one_by_one, axis=1), 1, atol=1e-6)
    for threads in (1, 3, None):
        numpy.testing.assert_array_equal(engine.embed(files, threads=threads, **brief), one_by_one)
    cosines = one_by_one @ one_by_one.T
    assert cosines[0, 1] > cosines[0, 2:].max()
    assert engine.embed([]).shape == (0, 192)
    with pytest.raises(peakstream.errors.UnreadableFile):
        engine.embed([files[0], "no-such.wav"])


def test_an_engine_of_bytes_hears_the_same_voices_or_says_what_the_machine_lacks(engine, demo):
    assert engine.precision == "f32" and engine.cpu_level in ("avx512", "avx2", "neon", "portable")
    with pytest.raises(ValueError, match='precision: "f16" is no precision; use "f32" or "int8"'):
        peakstream.Engine(demo("x").parents[1], precision="f16")
    try:
        of_bytes = peakstream.Engine(demo("x").parents[1], precision="int8")
    except peakstream.errors.InvalidArgument as lacks:
        assert "AVX-512 VNNI" in str(lacks)
        return
    assert of_bytes.precision == "int8"
    for name in SAME + OTHERS:
        assert engine.embed(demo(name)) @ of_bytes.embed(demo(name)) > 0.99


def test_other_threads_run_while_the_engine_works(engine, demo):
    done, turns = threading.Event(), 0

    def work():
        engine.embed([demo(name) for name in SAME], threads=1)
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    while not done.wait(0.001):
        turns += 1
    worker.join()
    assert turns > 10, "the interpreter's lock was held"


def test_speech_is_where_somebody_speaks_and_nowhere_else(engine, demo):
    samples, rate = peakstream.load_audio(demo("allison-en-verify"))
    pause = numpy.zeros(2 * rate, numpy.int16)
    segments = engine.speech_segments(numpy.concatenate([pause, samples, pause]), rate)
    assert segments.dtype == numpy.float64 and segments.shape[1] == 2
    assert (segments[:, 0] < segments[:, 1]).all() and (segments[1:, 0] > segments[:-1, 1]).all()
    # The recording begins with more than a second of breath and line.
    assert 2 < segments[0, 0] < 3.5 and segments[-1, 1] < 2.2 + len(samples) / rate
    heard = engine.speech(numpy.concatenate([pause, samples, pause]), rate, seconds=120)
    assert (segments[:, 1] - segments[:, 0]).sum() == pytest.approx(heard.net_speech)
    assert engine.speech_segments(pause, rate).shape == (0, 2)


def test_quality_has_figures_and_says_what_falls_short(engine, demo):
    samples, rate = peakstream.load_audio(demo("allison-en-verify"))
    good = engine.quality(samples, rate)
    assert good.shortfalls == [] and good.signal_noise_ratio > 8 and good.one_voice is not None
    noise = numpy.random.default_rng(1).normal(0, 2000, len(samples))
    bad = engine.quality((samples + noise) / 32768, rate)
    assert "signal_noise_ratio" in [shortfall.gate for shortfall in bad.shortfalls]
    assert "signal_noise_ratio" in repr(bad)


def test_an_evaluation_has_arrays_ready_for_plotting():
    random = numpy.random.default_rng(7)
    same = numpy.arange(2000) % 2 == 0
    scores = random.normal(numpy.where(same, 2.0, -2.0), 2.0)
    evaluation = peakstream.evaluate(scores, same)
    assert evaluation.eer == pytest.approx(0.1587, abs=0.02)
    assert evaluation.min_cllr <= evaluation.cllr and evaluation.min_dcf(0.01) <= evaluation.actual_dcf(0.01)
    far, frr = evaluation.far, evaluation.frr
    assert far[0] == 1 and frr[0] == 0 and far[-1] == 0 and frr[-1] == 1 and numpy.isinf(evaluation.thresholds[-1])
    at = numpy.searchsorted(evaluation.thresholds, 0.5)
    assert evaluation.rates(0.5) == (far[at], frr[at])
    x, y = evaluation.det()
    assert x.shape == y.shape == far.shape and (numpy.diff(x[1:-1]) <= 0).all()
    with pytest.raises(ValueError, match="both kinds"):
        peakstream.evaluate([1.0], [True])
    with pytest.raises(ValueError, match="2 scores and 1 truths"):
        peakstream.evaluate([1.0, 2.0], [True])


def test_a_calibration_says_what_a_cosine_means(engine, tmp_path):
    calibration = engine.calibration()
    assert calibration.identity.startswith("telephone-channel@") and calibration.channel_type == "telephone"
    assert calibration.llr(0.8) > calibration.llr(0.3)
    with pytest.raises(peakstream.errors.NoThreshold, match="there are"):
        calibration.threshold("far=33%")
    with pytest.raises(ValueError, match="point"):
        calibration.threshold("good")
    own = tmp_path / "own.json"
    own.write_text('{"name": "telephone-channel", "scale": 20.0, "offset": -10.0}')
    assert peakstream.Calibration.load(own).llr(0.5) == pytest.approx(0)
    own.write_text("{}")
    with pytest.raises(peakstream.errors.ModelsInvalid, match="own.json"):
        peakstream.Calibration.load(own)
