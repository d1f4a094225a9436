"""The two pipelines that are compared: the reference that anyone would build, and the engine.

In: a list of clips. Out: one raw embedding per clip, zeros where no speech was found. Both take the same telephone
call: the clip brought to 8 kHz and through G.711 mu-law.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import soundfile
from scipy import signal

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "models"))
import install  # noqa: E402
from reference import chain, g711, tensors  # noqa: E402
from reference.runtime import Embedder, log_mel  # noqa: E402

DIMENSIONS = 192


class EngineMissing(Exception):
    """The engine's side cannot run; the text says why."""


def say(text):
    """Progress goes to standard error, so that the table alone is standard output."""
    print(text, file=sys.stderr, flush=True)


def telephone(clip):
    """16 kHz in [-1, 1] -> int16 at 8 kHz after a mu-law round trip."""
    narrow = np.rint(signal.resample_poly(clip, 1, 2) * 32768)
    return g711.mu_law_decode(g711.mu_law_encode(np.clip(narrow, -32768, 32767).astype(np.int16)))


class Reference:
    """ONNX Runtime, Kaldi features of the whole clip, scipy's default resampling, the network as published (without our
    delta); embeddings cached by the files' hashes."""

    name = "reference pipeline: published network in ONNX Runtime (1 thread), kaldi-native-fbank of the whole clip, scipy.signal.resample_poly"
    RECIPE = "telephone-1"  # part of the cache's key: change it when anything in here changes

    def __init__(self, cache):
        self.model = install.install_unadapted("campplus", cache, install.Progress(quiet=True))
        self.recipe = f"{self.RECIPE}-{install.sha256(self.model)}"
        self.cache = cache / "reference.npz"
        self.known = {}
        if self.cache.exists():
            with np.load(self.cache) as stored:
                self.known = dict(stored)

    def _save(self):
        fresh = self.cache.with_name("reference.new.npz")
        np.savez(fresh, **self.known)
        os.replace(fresh, self.cache)

    def embeddings(self, paths):
        keys = [hashlib.sha256((self.recipe + install.sha256(path)).encode()).hexdigest() for path in paths]
        missing = [index for index, key in enumerate(keys) if key not in self.known]
        say(f"reference: {len(paths)} clips, {len(paths) - len(missing)} cached")
        embed = Embedder(self.model)
        for done, index in enumerate(missing, start=1):
            raised = signal.resample_poly(telephone(soundfile.read(paths[index])[0]) / 32768.0, 2, 1)
            self.known[keys[index]] = embed(log_mel(raised))
            if done % 100 == 0 or done == len(missing):
                self._save()
                say(f"reference: {done} of {len(missing)} computed")
        return np.array([self.known[key] for key in keys])


class Simulation:
    """The engine's chain in numpy (models/reference/chain.py), to calibrate and to compare with before it is built."""

    def __init__(self, channel):
        self.channel = channel
        self.name = f"peakstream's chain in numpy (models/reference/chain.py), {channel}"

    def embeddings(self, paths):
        detector = tensors.load((install.INSTALLED / "silero-vad.safetensors").read_bytes())
        embed = Embedder(install.INSTALLED / "campplus.onnx")
        rows = []
        for path in paths:
            clip = soundfile.read(path)[0]
            samples = chain.raise_to_16k(telephone(clip)) if self.channel == "telephone-channel" else clip
            rows.append(embed(chain.features(samples, detector)))
            if len(rows) % 100 == 0 or len(rows) == len(paths):
                say(f"simulation, {self.channel}: {len(rows)} of {len(paths)}")
        return np.array(rows)


class Engine:
    """Our engine, streaming each clip as a mu-law call; computed anew every time, because it is what is being judged."""

    def __init__(self, command=None, channel="telephone-channel"):
        self.command = command or ["cargo", "run", "-q", "-p", "peakstream-bench", "--", "embed"]
        self.channel = channel
        self.name = f"peakstream engine, {channel} ({' '.join(self.command)})"

    def _telephone_calls(self, paths, folder):
        """The very samples that the reference hears: mu-law coding them once more changes nothing."""
        calls = [folder / f"{index}.wav" for index in range(len(paths))]
        for path, call in zip(paths, calls):
            soundfile.write(call, telephone(soundfile.read(path)[0]), 8000, subtype="PCM_16")
        return calls

    def embeddings(self, paths):
        say(f"engine: {len(paths)} clips ({self.channel})")
        with tempfile.TemporaryDirectory() as scratch:
            listing, out = pathlib.Path(scratch, "clips.txt"), pathlib.Path(scratch, "embeddings.f32")
            heard = self._telephone_calls(paths, pathlib.Path(scratch)) if self.channel == "telephone-channel" else paths
            listing.write_text("".join(f"{path}\n" for path in heard))
            command = [*self.command, "--list", str(listing), "--out", str(out)]
            if self.channel != "telephone-channel":
                command += ["--channel-type", self.channel]
            try:
                done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL)
            except FileNotFoundError:
                raise EngineMissing(f"{command[0]} is not installed; the engine's side needs Rust")
            if done.returncode != 0 or not out.exists():
                raise EngineMissing(f"`{' '.join(command[:8])} ...` ended with status {done.returncode}")
            rows = np.fromfile(out, dtype="<f4")
        if rows.size != len(paths) * DIMENSIONS:
            raise EngineMissing(f"the engine wrote {rows.size} numbers, expected {len(paths)} x {DIMENSIONS}")
        return rows.reshape(len(paths), DIMENSIONS)
