"""A linear map behind a network, the simplest remedy: what the delta is compared with, and what might follow it.

    python linear_map.py        embeds the pairs it is fitted on; resumable, saved every fifty clips

Pairs: a network's embedding of a clip by telephone, or as it is, and the published network's of the whole clean clip. The map is the
least-squares one, pulled towards identity. It learns from no corpus of the trial list, so all of them judge it.
"""

import hashlib
import random
import time

import numpy as np
from scipy import signal

import lines
import material
import original
import paths
import sources
from material import seed, speeds
from reference import chain, silero, tensors
from reference.runtime import Embedder, log_mel
from reference.scoring import unit

FEWEST_FRAMES, MOST_FRAMES = 100, 400
VERSIONS = ("plain", "plain", "mild", "rough")  # every clip comes in one of them
RIDGE = 1.0  # penalty of the distance to identity, in mean eigenvalues; not tuned
SAVE_EVERY = 50


def clips():
    """(name, samples): half of the clips at their own speed, the others slower or faster, which is another voice to the network."""
    found = list(sources.clips())
    random.Random(5).shuffle(found)
    for corpus, speaker, name, read in found:
        speed = (0, 0, 1, 2)[seed(speaker, name) % 4]
        samples = read()
        if speed:
            samples = signal.resample_poly(samples, 100, round(100 * speeds(corpus, speaker)[speed]))
        yield f"{corpus}/{speaker}__{name}__{speed}", np.random.default_rng(seed(corpus, speaker, name, speed)), samples


def versions(clip, rng, detector):
    """Version -> rows of the frames that hold speech; None if there are too few."""
    calls = {"plain": material.telephone(clip), "mild": lines.mild(clip, rng), "rough": lines.rough(clip, rng)}
    rows = {"clean": log_mel(clip), **{name: log_mel(call[: len(clip)]) for name, call in calls.items()}}
    frames = min(map(len, rows.values()))
    kept = chain.speech_frames(silero.probabilities(detector, calls["plain"][: len(clip)]), frames)
    return {name: values[:frames][kept] for name, values in rows.items()} if kept.sum() >= FEWEST_FRAMES else None


def pairs(models):
    """Model file -> (its embeddings, the targets)."""
    detector = tensors.load((paths.MODELS / "installed" / "silero-vad.safetensors").read_bytes())
    teacher = Embedder(original.onnx_file())
    files = {model: paths.CACHE / "pairs" / f"{hashlib.sha256(model.read_bytes()).hexdigest()[:16]}.npz" for model in models}
    known = {model: dict(np.load(file)) if file.exists() else {} for model, file in files.items()}
    missing = [model for model in models if "all" not in known[model]]
    embed = {model: Embedder(model) for model in missing}
    shown = time.monotonic()

    def save():
        for model in missing:
            files[model].parent.mkdir(parents=True, exist_ok=True)
            np.savez(files[model], **known[model])

    for done, (name, rng, samples) in enumerate(clips() if missing else (), 1):
        behind = [model for model in missing if f"{name}|done" not in known[model]]
        rows = versions(samples, rng, detector) if behind else None
        choice = seed("map", *name.split("/"))
        for model in behind:
            known[model][f"{name}|done"] = np.zeros(0)
            if rows:
                known[model][f"{name}|target"] = teacher(rows["clean"])
                for version in (VERSIONS[choice % 4], *(("clean",) if (choice >> 4) % 2 else ())):
                    known[model][f"{name}|{version}"] = embed[model](rows[version][:MOST_FRAMES])
        if done % SAVE_EVERY == 0:
            save()
            print(f"linear map: {done} clips, {time.monotonic() - shown:.0f} s", flush=True)
    for model in missing:
        known[model]["all"] = np.zeros(0)
    save()
    return {model: arrays(values) for model, values in known.items()}


def arrays(known):
    names = sorted(name for name in known if name.rpartition("|")[2] not in ("done", "target", "all"))
    rows = np.array([known[name] for name in names], dtype=np.float64)
    return rows, np.array([known[f"{name.rpartition('|')[0]}|target"] for name in names], dtype=np.float64)


class Map:
    """x -> (x - mean of what was heard) @ matrix + mean of the targets, for raw embeddings."""

    def __init__(self, rows, targets, matrix_of):
        wanted = unit(targets) * np.linalg.norm(rows, axis=1).mean()
        self.before, self.after = rows.mean(axis=0), wanted.mean(axis=0)
        self.matrix = matrix_of(rows - self.before, wanted - self.after)

    def __call__(self, rows):
        return (rows - self.before) @ self.matrix + self.after


def rotation(x, y):
    """Procrustes: the rotation that takes x nearest to y."""
    left, _, right = np.linalg.svd(x.T @ y)
    return left @ right


def towards_identity(x, y):
    gram = x.T @ x
    pull = RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    return np.linalg.solve(gram + pull, x.T @ y + pull)


def main():
    for model, (heard, _) in pairs([original.onnx_file(), *sorted(paths.RUNS.glob("*.onnx"))]).items():
        print(f"linear map: {model.stem}: {len(heard)} pairs", flush=True)


if __name__ == "__main__":
    main()
