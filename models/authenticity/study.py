"""What the branch owes to what: one thing changed at a time, each variant trained and judged on every fold.

    python study.py        into scores/study.csv; needs the vectors of layers.py, of `layers.py windows` and of views.py

Error rates in it are means over the folds (G.711, 5 s; every call counts alike), not the pooled ones of the card. One seed, unless the
variant says something else: differences of a point mean nothing.
"""

import dataclasses
import functools
import shutil
import typing

import numpy as np
import torch

import bank
import branch
import data
import evaluation
import folds
import layers
import paths
import scores
import views
import work

FOLDER = paths.CACHE / "study"
HEADER = ("changed", "variant", "vectors", "unseen", "known", "paired_unseen", "unseen_codec")
ONE = branch.Recipe(seeds=(1,))


LAYERS = np.arange(layers.SIZE)
LOG, PHASE = (layers.SIZE + np.arange(views.SIZE)[views.columns(view)] for view in ("log", "phase"))


@dataclasses.dataclass(frozen=True)
class Variant:
    """`kept`: which rows (corpus, speaker, system, pass, unit) it learns from; `columns`: which numbers it is given, of the layers' and the views'."""

    changed: str
    name: str
    recipe: branch.Recipe = ONE
    kept: typing.Callable = lambda row: True
    columns: np.ndarray = dataclasses.field(default_factory=lambda: LAYERS)


def spoken(row):
    return row[0].startswith("tts_")


def share(row, whole, of=8):
    """Whether a unit is among the first of `of` parts; a larger share holds the smaller one."""
    return data.seed(row[4], "study") % of < whole


def neural(row):
    return not spoken(row) and row[2] != "genuine" and bank.family_of(row[2]) in bank.NEURAL_FAMILIES


def variants():
    yield Variant("nothing", "as it is, one seed")
    yield Variant("seeds", "as it is shipped: three side by side", branch.Recipe())
    for number in (2, 3):
        yield Variant("seeds", f"seed {number}", branch.Recipe(seeds=(number,)))
    for parts in (1, 2, 4):
        yield Variant("data", f"{parts}/8 of the units", kept=functools.partial(share, whole=parts))
    for count in (1, 2):
        names = " and ".join(map(str, range(count)))
        yield Variant("lines", f"pass {names} only", kept=lambda row, count=count: row[3] < count)
    yield Variant("material", "no copies: text to speech alone", kept=lambda row: spoken(row) or row[2] == "genuine")
    yield Variant("material", "no text to speech: copies alone", kept=lambda row: not spoken(row))
    yield Variant("material", "no neural copies", kept=lambda row: not neural(row))
    yield Variant("weights", "every vector alike", dataclasses.replace(ONE, weighed=False))
    for hidden in (4, 16, 256):
        yield Variant("size", f"{hidden} neurons for {branch.HIDDEN}", dataclasses.replace(ONE, hidden=hidden))
    for epochs in (1, 4, 40):
        yield Variant("steps", f"{epochs} epochs for {branch.EPOCHS}", dataclasses.replace(ONE, epochs=epochs))
    for layer in layers.LAYERS:
        yield Variant("layers", f"{layer} alone", columns=LAYERS[layers.columns(layer)])
    yield Variant("views", "log spectra for layers", columns=LOG)
    yield Variant("views", "log spectra and phase for layers", columns=np.concatenate([LOG, PHASE]))
    yield Variant("views", "layers and log spectra", columns=np.concatenate([LAYERS, LOG]))
    yield Variant("views", "layers, log spectra and phase", columns=np.concatenate([LAYERS, LOG, PHASE]))


def figures(table, table_codec):
    found = scores.errors(table)
    return {**found, "unseen_codec": scores.errors(table_codec)["unseen"]}


def load():
    """(rows, vectors) of the pool: the layers' numbers, then the views'."""
    rows, x = branch.load()
    seen = {row: vector for row, vector in zip(*branch.load(views.FOLDER))}
    both = [number for number, row in enumerate(rows) if row in seen]
    return [rows[number] for number in both], np.concatenate([x[both], np.stack([seen[rows[number]] for number in both])], 1)


@functools.lru_cache(maxsize=None)
def calls_heard(condition):
    """As `scores.vectors`, with the views' numbers behind the layers'."""
    seen = scores.vectors(condition, views.FOLDER)
    both = lambda name, found: {seconds: np.concatenate([vector, seen[name][seconds]]) for seconds, vector in found.items() if seconds in seen[name]}
    return {name: both(name, found) for name, found in scores.vectors(condition).items()}


def given(condition, columns):
    """What a variant is given of the calls."""
    return {name: {seconds: vector[columns] for seconds, vector in found.items()} for name, found in calls_heard(condition).items()}


def outcome(variant, fold, rows, x):
    """Error rates of a variant on a fold."""
    kept = np.fromiter(map(variant.kept, rows), bool)
    mine = [row for row, one in zip(rows, kept) if one]
    model = branch.train(fold, mine, x[kept][:, variant.columns], variant.recipe)
    found = figures(*(scores.table_of_branch(model, fold, condition, given(condition, variant.columns)) for condition in ("g711", "codec")))
    return {"vectors": sum(branch.seen_by(fold, mine)), **found}


def windows(fold, rows, x):
    """Error rates of 9 s of a call heard as one, and of its windows of 3 s heard one by one, by the mean of their logits."""
    model = branch.train(fold, rows, x[:, LAYERS], ONE)
    folder = layers.FOLDER / "windows"
    heard = functools.lru_cache(maxsize=None)(lambda path: dict(np.load(folder / path.name)) if (folder / path.name).exists() else {})
    logit = lambda path, names: float(branch.logits(model, np.stack([heard(path)[name] for name in names])).mean())
    found = {}
    for name, parts in (("whole", ("whole",)), ("windows", ("0", "1", "2")), ("first", ("0",))):
        judge = lambda path: {evaluation.SECONDS: logit(path, parts)} if "whole" in heard(path) else {}
        errors = scores.errors(scores.rows(fold, "g711", judge))
        found |= {f"{name}_{key}": value for key, value in errors.items()}
    return {"vectors": sum(branch.seen_by(fold, rows)), **found}


def file_of(variant, fold):
    return FOLDER / f"{variant.changed}, {variant.name}, {fold}.npz".replace("/", " of ")


def mean_of(paths_of_folds, prefix=""):
    """[vectors, error rates] over the folds; NaN where a figure was not measured."""
    found = [dict(np.load(path)) for path in paths_of_folds]
    rates = [np.nanmean([one.get(prefix + name, np.nan) for one in found]) if prefix + name in found[0] else np.nan for name in HEADER[3:]]
    return [round(np.mean([one["vectors"] for one in found])), *(f"{rate:.4f}" for rate in rates)]


def main():
    rows, x = load()
    for condition in ("g711", "codec"):
        calls_heard(condition)  # read before the processes part
    shutil.rmtree(FOLDER, ignore_errors=True)  # of other vectors
    listed = list(variants())
    todo = [(file_of(variant, fold), functools.partial(outcome, variant, fold, rows, x)) for variant in listed for fold in folds.FOLDS]
    along = {fold: FOLDER / f"windows, {fold}.npz" for fold in folds.FOLDS}
    work.do("study", todo + [(path, functools.partial(windows, fold, rows, x)) for fold, path in along.items()])
    found = [[v.changed, v.name, *mean_of([file_of(v, fold) for fold in folds.FOLDS])] for v in listed]
    named = {"first": "3 s of calls of 9 s", "windows": "9 s as three windows, mean of their logits", "whole": "9 s at once"}
    found += [["windows", name, *mean_of(along.values(), prefix + "_")] for prefix, name in named.items()]
    evaluation.write_figures("study.csv", HEADER, found)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
