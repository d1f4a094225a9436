"""What the adaptation learns from: each clip clean and through telephone lines, as the feature rows of its speech, and the
published network's embedding of the clean rows. No speaker's name is used but to choose batches.

    python material.py        resumable: a file per clip, what exists is skipped

Every clip comes at its own speed and at one other, which is another voice to the network.
"""

import random
import time

import numpy as np

import lines
import original
import paths
import sources
from reference import chain, silero, tensors
from reference.runtime import Embedder, log_mel

FEWEST_FRAMES = 100


def versions(clip, rng, detector):
    """Version -> rows of the frames that hold speech; None if there are too few."""
    calls = {"plain": lines.telephone(clip), "mild": lines.mild(clip, rng), "rough": lines.rough(clip, rng)}
    rows = {"clean": log_mel(clip), **{name: log_mel(call[: len(clip)]) for name, call in calls.items()}}
    frames = min(map(len, rows.values()))
    kept = chain.speech_frames(silero.probabilities(detector, calls["plain"][: len(clip)]), frames)
    return {name: values[:frames][kept] for name, values in rows.items()} if kept.sum() >= FEWEST_FRAMES else None


def main():
    if not (paths.DATA / "manifest.csv").exists():
        raise SystemExit("the adaptation needs the shared clips: put `shared/data` beside the repository or set PEAKSTREAM_DATA")
    detector = tensors.load((paths.MODELS / "installed" / "silero-vad.safetensors").read_bytes())
    embed = Embedder(original.onnx_file())
    found = list(sources.clips())
    random.Random(5).shuffle(found)
    print(f"material: {len(found)} clips, each at two speeds", flush=True)
    shown = time.monotonic()
    for done, (corpus, speaker, name, read) in enumerate(found, 1):
        for speed in (0, 1 + sources.seed(speaker, name) % 2):
            path = paths.MATERIAL / corpus / f"{speaker}__{name}__{speed}.npz"
            if path.exists():
                continue
            clip = sources.at_speed(read(), corpus, speaker, speed)
            rows = versions(clip, np.random.default_rng(sources.seed(corpus, speaker, name, speed)), detector)
            if rows:
                target = embed(rows["clean"])
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_suffix(".new.npz")
                np.savez(temporary, target=target, **{version: values.astype(np.float16) for version, values in rows.items()})
                temporary.rename(path)
        if time.monotonic() - shown > 20:
            shown = time.monotonic()
            print(f"material: {done} of {len(found)} clips", flush=True)


if __name__ == "__main__":
    main()
