"""What a countermeasure learns in place of synthesis, if it is let: the same clips, closed to it one difference after the other.

    python shortcuts.py        into scores/shortcuts.csv; needs the material and the calls of calls.py

Each stage carries both classes a step further on the way to a telephone call; a branch trained on what arrives is judged at home, on left-out calls
that came the same way, and on telephone calls. What home has and the telephone has not was never a trace of synthesis.
"""

import functools
import random

import numpy as np
import torch

import bank
import branch
import calls
import data
import evaluation
import folds
import layers
import paths
import pool
import scores
import work
from line import G711, Line, codecs

FOLDER = paths.CACHE / "shortcuts"
HEADER = ("stage", "unseen_home", "unseen_g711", "unseen_codec", "known_home", "known_g711", "known_codec")
UNITS, SPOKEN_UNITS = 150, 80  # to learn from
PAIRED, GENUINE, SPOKEN = 2, 20, 3  # calls to judge by: of one corpus, one corpus, one system
RECIPE = branch.Recipe(seeds=(1, 2))


def as_it_is(signal, rng):
    return codecs.sixteen_bits(signal)


def g711(signal, rng):
    level = 10 ** (rng.uniform(-33, -15) / 20)
    pcm = codecs.sixteen_bits(signal * (level / (np.sqrt(np.mean(signal**2)) + 1e-12)))
    return G711[rng.choice(list(G711))](pcm)


def line(strength):
    return lambda signal, rng: Line(rng, len(signal), rng.uniform(*strength)).carry(signal)


# name -> (what carries a signal, whether speech alone is heard)
STAGES = {
    "clips as they are, silence and all": (as_it_is, False),
    "speech alone": (as_it_is, True),
    "one level, G.711": (g711, True),
    "band, tilt, resonances": (line((0.0, 0.0)), True),
    "rooms, noise, loss, codecs": (line((0.0, 1.0)), True),
}


def heard(stage, clips, systems, seconds, *name):
    """{system: vector} of clips in a row as a stage carries them, all systems alike."""
    carry, speech_alone = STAGES[stage]
    vectors = {}
    for system in systems:
        signal, mask = bank.joined(clips, system)
        cut = layers.until(mask, seconds)
        speech = mask[:cut] if speech_alone else np.ones(len(mask[:cut]), bool)
        vector = layers.of_samples(carry(signal[:cut], np.random.default_rng(data.seed(*name, stage))), speech)
        if vector is not None:
            vectors[system] = vector
    return vectors


def learnt(clips):
    """(name, clips, systems, family of rows) of what is learnt from, the same for every stage."""
    units = list(pool.units_of(clips, 0))
    is_spoken = lambda unit: unit.corpus.startswith("tts_")
    for wanted, part in ((UNITS, [u for u in units if not is_spoken(u)]), (SPOKEN_UNITS, [u for u in units if is_spoken(u)])):
        for unit in random.Random(4).sample(part, min(wanted, len(part))):
            yield unit.name(), unit.clips, layers.chosen(unit.systems(0), unit.name(), 0)


def judged(clips):
    """The calls of the evaluation that are judged here: some of each kind."""
    taken = {}
    for call in calls.select(clips):
        kind = "paired" if call.paired and not call.excerpt else "spoken" if call.corpus.startswith("tts_") else call.system
        if kind not in ("paired", "spoken", "genuine") or call.corpus in bank.ODD_CORPORA:
            continue
        count = taken.setdefault((kind, call.corpus, call.system), [])
        if len(count) < {"paired": PAIRED, "spoken": SPOKEN, "genuine": GENUINE}[kind]:
            count.append(call)
            yield call


def folder_of(stage, part):
    return FOLDER / str(list(STAGES).index(stage)) / part


def jobs(clips):
    units, listed = list(learnt(clips)), list(judged(clips))
    for stage in STAGES:
        for name, own, systems in units:
            yield folder_of(stage, "units") / f"{name}.npz", functools.partial(heard, stage, own, systems, pool.UNIT_SECONDS, name)
        for call in listed:
            path = folder_of(stage, "calls") / calls.file_of(call, "g711").name
            yield path, functools.partial(home, stage, call)
    for condition in calls.CONDITIONS:
        for call in listed:
            path = calls.file_of(call, condition)
            yield FOLDER / condition / path.name, functools.partial(layers.of_call, path, (evaluation.SECONDS,), layers.of_samples)


def home(stage, call):
    name = (call.corpus, call.speaker, call.clips[0].name)  # a genuine call and its copies go the same way
    vectors = heard(stage, call.clips, [call.signal_name], evaluation.SECONDS, *name)
    return {str(evaluation.SECONDS): vectors[call.signal_name]} if vectors else None


def vectors_of(stage):
    """(rows, vectors) of a stage's units, as branch.load gives them."""
    rows, found = [], []
    for path in sorted(folder_of(stage, "units").glob("*.npz")):
        corpus, speaker, _ = path.stem.split("~")
        with np.load(path) as stored:
            for system in stored.files:
                rows.append((corpus, speaker, system, 0, path.stem))
                found.append(stored[system])
    return rows, np.stack(found)


def errors(stage, fold, rows, x):
    model = branch.train(fold, rows, x, RECIPE)
    found = {}
    for name, condition, folder in (("home", "g711", folder_of(stage, "calls")), *((name, name, FOLDER / name) for name in calls.CONDITIONS)):
        rates = scores.errors(scores.table_of_branch(model, fold, condition, scores.vectors(folder.name, folder.parent)))
        found |= {f"{kind}_{name}": rates[kind] for kind in ("unseen", "known")}
    return found


def main():
    clips = bank.load()
    listed = list(jobs(clips))
    work.do("shortcuts", [job for job in listed if not job[0].exists()], of=len(listed))
    found = []
    for stage in STAGES:
        rows, x = vectors_of(stage)
        rates = [errors(stage, fold, rows, x) for fold in folds.FOLDS]
        found.append([stage, *(f"{np.nanmean([one[name] for one in rates]):.4f}" for name in HEADER[1:])])
        print(*found[-1], flush=True)
    evaluation.write_figures("shortcuts.csv", HEADER, found)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
