"""Scores the evaluation's calls: with the networks that never saw their corpus, and with the final ones.

    python scores.py MEMBER...    scores/MEMBER.csv.gz; MEMBER is a run's name without its fold, as small.log.1
"""

import functools
import sys

import numpy as np
import torch

import bank
import calls
import evaluation
import folds
import frontend
import measures
import paths
from evaluation import DURATIONS
from network import Countermeasure


def kind_of(fold, corpus, system):
    """How a fold's model stands to a call: None when it may have been trained on it."""
    corpora, vocoder_families, tts_families = folds.left_out(fold)
    if fold == "final":
        return "final"
    family = bank.family_of(system)
    if corpus.startswith("tts_"):
        return "unseen" if family in tts_families else "known"
    if corpus not in corpora:
        return None
    if system == "genuine":
        return "genuine"
    return "unseen" if family in vocoder_families else "known"


def listed(condition):
    """(corpus, speaker, system, name, file) of every call that was rendered."""
    for path in sorted((calls.FOLDER / condition).glob("*.npz")):
        yield (*path.stem.split("~"), path)


@functools.lru_cache(maxsize=None)
def heard(path, view):
    """Kept frames of a view of a call."""
    with np.load(path) as call:
        samples = call["samples"]
        mask = np.unpackbits(call["mask"])[: len(samples)]
        kept = frontend.kept_frames(frontend.VIEWS[view].of(samples / np.float32(32768)), mask)
        return kept[: DURATIONS[-1] * 100 + 50].astype(np.float16)


def score(model, kept):
    """The engine's call logit: the mean over windows."""
    with torch.no_grad():
        return float(model(torch.from_numpy(frontend.windows(kept)))[:, 0].mean())


def rows(fold, condition, judge):
    """Rows of COLUMNS of the calls a fold may be judged by; `judge`: path -> {seconds: logit}, nothing where there is too little speech."""
    for corpus, speaker, system, name, path in listed(condition):
        if kind := kind_of(fold, corpus, system):
            codec, paired = about(path)
            found = judge(path)
            if found:
                logits = [found.get(seconds, float("nan")) for seconds in DURATIONS]
                yield [fold, condition, codec, corpus, speaker, system, family_of(system), name, paired, kind, *logits]


def family_of(system):
    return system if system == "genuine" else bank.family_of(system)


@functools.lru_cache(maxsize=None)
def about(path):
    """(codec, paired) of a call."""
    with np.load(path) as call:
        return str(call["codec"]), bool(call["paired"])


def table(model, view, fold, condition):
    def judge(path):
        kept = heard(path, view)
        done, found = {}, {}
        for seconds in DURATIONS:
            count = min(len(kept), 100 * seconds)
            if count >= 95 * seconds:
                found[seconds] = done.setdefault(count, score(model, kept[:count].astype(np.float32)))
        return found

    return rows(fold, condition, judge)


@functools.lru_cache(maxsize=None)
def vectors(condition, folder=paths.CACHE / "layers"):
    """{file name: {seconds: vector}} of every call that was heard."""
    found = {}
    for path in sorted((folder / condition).glob("*~*.npz")):
        with np.load(path) as heard:
            found[path.name] = {int(seconds): heard[seconds] for seconds in heard.files}
    return found


def table_of_branch(model, fold, condition, heard=None):
    """`heard`: what `vectors` returns, if it is not that."""
    import branch

    heard = heard or vectors(condition)
    judge = lambda path: {seconds: float(branch.logits(model, vector[None])[0]) for seconds, vector in heard.get(path.name, {}).items()}
    return rows(fold, condition, judge)


RATES = ("unseen", "known", "paired_unseen")


def errors(table):
    """{figure: error rate at 5 s} of one fold: what a learning curve shows."""
    table = [dict(zip(evaluation.COLUMNS, row)) for row in table]
    logits = lambda **wanted: [r["logit5"] for r in table if all(r[k] == v for k, v in wanted.items()) and not np.isnan(r["logit5"])]
    genuine = logits(kind="genuine") or logits(kind="final", system="genuine")
    twins = [r["logit5"] for r in table if r["kind"] == "unseen" and not r["corpus"].startswith("tts_")]
    return {
        "unseen": measures.eer(genuine, logits(kind="unseen")),
        "known": measures.eer(genuine, logits(kind="known")),
        "paired_unseen": measures.eer(logits(kind="genuine", paired=True), twins),
    }


def of_member(member):
    """The rows of all folds."""
    for fold in folds.NAMES:
        folder = paths.CACHE / "runs" / f"{fold}.{member}"
        for condition in calls.CONDITIONS:
            if (folder / "model.npz").exists():
                with np.load(folder / "model.npz") as model:
                    found = table_of_branch(dict(model), fold, condition)
            else:
                found = table(*load(folder / "model.pt"), fold, condition)
            for *key, three, five, ten in found:
                yield [*key, *(f"{logit:.4f}" for logit in (three, five, ten))]
        print(f"scores: {fold}.{member} done", flush=True)


def main(members):
    for member in members:
        evaluation.write(member, evaluation.COLUMNS, of_member(member))


def load(path, steps=False):
    """(network, view) of a finished run; or how many steps it took."""
    stored = torch.load(path)
    if steps:
        return stored["steps"]
    model = Countermeasure(stored["size"], frontend.VIEWS[stored["view"]].count)
    model.load_state_dict(stored["weights"])
    return model.eval(), stored["view"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
