"""The pipelines that are compared: the reference that anyone would build, each step from there to ours, and the engine.

In: a list of clips. Out: one raw embedding per clip, zeros where no speech was found. All take the same telephone
call: the clip brought to 8 kHz and through G.711 mu-law.
"""

import hashlib
import json
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
from reference import chain, g711, silero, tensors  # noqa: E402
from reference.runtime import Embedder, log_mel  # noqa: E402

DIMENSIONS = 192
CENTRE = ROOT / "models" / "adaptation" / "centre.npy"


class EngineMissing(Exception):
    """The engine's side cannot run; the text says why."""


def say(text):
    """Progress goes to standard error, so that the table alone is standard output."""
    print(text, file=sys.stderr, flush=True)


def telephone(clip):
    """16 kHz in [-1, 1] -> int16 at 8 kHz after a mu-law round trip."""
    narrow = np.rint(signal.resample_poly(clip, 1, 2) * 32768)
    return g711.mu_law_decode(g711.mu_law_encode(np.clip(narrow, -32768, 32767).astype(np.int16)))


class Kept:
    """What was computed of clips, kept in a file by the clips' hashes."""

    def __init__(self, file, recipe):
        self.file, self.recipe, self.known = file, recipe, {}
        if file.exists():
            with np.load(file) as stored:
                self.known = dict(stored)

    def _save(self):
        fresh = self.file.with_name("fresh.npz")
        np.savez(fresh, **self.known)
        os.replace(fresh, self.file)

    def of(self, name, paths, compute):
        keys = [hashlib.sha256((self.recipe + install.sha256(path)).encode()).hexdigest() for path in paths]
        missing = [index for index, key in enumerate(keys) if key not in self.known]
        say(f"{name}: {len(paths)} clips, {len(paths) - len(missing)} cached")
        for done, index in enumerate(missing, start=1):
            self.known[keys[index]] = compute(paths[index])
            if done % 100 == 0 or done == len(missing):
                self._save()
                say(f"{name}: {done} of {len(missing)} computed")
        return [self.known[key] for key in keys]


class Numpy:
    """Kaldi features in numpy's hands and a network in ONNX Runtime, one thread; embeddings cached by the files' hashes."""

    def __init__(self, name, cache, recipe, model, rows):
        """`recipe`: part of the cache's key, to be changed with `rows`, which makes feature rows of a clip's file."""
        self.name, self.model, self.rows = name, model, rows
        self.kept = Kept(cache / f"{recipe}.npz", f"{recipe}-{install.sha256(model)}")

    def embeddings(self, paths):
        embed = Embedder(self.model)
        return np.array(self.kept.of(self.name, paths, lambda path: embed(self.rows(path))))


class Centred:
    """Another pipeline's embeddings without, or again with, what all voices have in common."""

    def __init__(self, name, of, sign):
        self.name, self.of, self.sign = name, of, sign

    def embeddings(self, paths):
        rows = self.of.embeddings(paths)
        return np.where(rows.any(axis=1, keepdims=True), rows + self.sign * np.load(CENTRE), 0.0)


def call(path):
    return telephone(soundfile.read(path)[0])


def reference(cache, by_telephone=True):
    """Scipy's default resampling and every frame."""
    published = install.install_unadapted("campplus", cache, install.Progress(quiet=True))
    if not by_telephone:
        return Numpy("reference pipeline by microphone", cache, "reference-microphone", published, lambda path: log_mel(soundfile.read(path)[0]))
    rows = lambda path: log_mel(signal.resample_poly(call(path) / 32768.0, 2, 1))
    return Numpy("reference pipeline", cache, "telephone-1", published, rows)


class Chain:
    """The engine's chain in numpy (models/reference/chain.py): a clip's file in, feature rows of a call's speech out."""

    def __init__(self, paths, cache):
        detector = tensors.load((install.INSTALLED / "silero-vad.safetensors").read_bytes())
        heard = lambda path: silero.probabilities(detector, chain.raise_to_16k(call(path), noise_db=None))
        self.speech = dict(zip(paths, Kept(cache / "speech.npz", "speech-1").of("speech detection", paths, heard)))

    def rows(self, path, noise_db):
        rows = log_mel(chain.raise_to_16k(call(path), noise_db=noise_db))
        return rows[chain.speech_frames(self.speech[path], len(rows))]


def steps(paths, cache):
    """From the reference to what ships, each with one more of ours."""
    published, shipped = install.install_unadapted("campplus", cache, install.Progress(quiet=True)), install.INSTALLED / "campplus.onnx"
    ours = Chain(paths, cache)
    filled = lambda path: ours.rows(path, chain.NOISE_DB)
    adapted = Numpy("+ what all voices have in common taken away", cache, "chain-shipped", shipped, filled)
    return [
        reference(cache),
        Numpy("+ speech alone, our filter", cache, "chain-silent", published, lambda path: ours.rows(path, None)),
        Numpy("+ faint noise above 4 kHz", cache, "chain-published", published, filled),
        Centred("+ the delta", adapted, +1),
        adapted,
    ]


class Engine:
    """Our engine, streaming each clip as a mu-law call; computed anew every time, because it is what is being judged."""

    def __init__(self, command=None, channel="telephone-channel"):
        self.command = command or ["cargo", "run", "-q", "-p", "peakstream-bench", "--", "embed"]
        self.channel = channel
        self.name = "**the engine**"

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


class Product:
    """What a customer would run: `peakstream evaluate` and `calibrate` on the same list."""

    def __init__(self, data, listing, cache):
        self.command = ["cargo", "run", "-q", "-p", "peakstream-server", "--"]
        self.list, self.data, self.cache = data / listing, data, cache

    def _run(self, *arguments):
        say(f"peakstream {' '.join(map(str, arguments[:1]))}: {self.list.name}")
        common = ["--audio", self.data, "--through", "mulaw", "--seconds", "all", "--cache", self.cache / "embeddings.bin", "--json"]
        command = [*self.command, *map(str, [*arguments, *common])]
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise EngineMissing(f"`{' '.join(command[:8])} ...` ended with status {done.returncode}")
        return json.loads(done.stdout)

    def evaluated(self, enrolled_through, *options):
        """Figures of all trials."""
        report = self._run("evaluate", self.list, "--enroll-through", enrolled_through, *options)
        figures = report["conditions"][0]["parts"][0]["figures"]
        return {"eer": figures["eer"], "min_dcf": figures["min_dcf"][0], "min_cllr": figures["min_cllr"]}

    def calibrated_by_other_sources(self):
        """For voices as they are and for centred ones: source, or all -> Cllr, detection cost, and what they could have been in hindsight."""
        # The shipped calibration has learnt from these speakers; what it was fitted from has not.
        prior = ROOT / "models" / "calibration" / "prior" / "telephone-channel.json"
        out = self.cache / "left-out.json"
        found = self._run("calibrate", "--trials", self.list, "--calibration", prior, "--output", out)
        kinds = {"as they are": found, "with a tenant's centre": found["centred"]}
        folds = {kind: fitted["cross_validation"] for kind, fitted in kinds.items()}
        return {kind: {**{fold["source"]: fold for fold in f["source_left_out"]}, "all": f["sources_left_out"]} for kind, f in folds.items()}
