"""Scores the evaluation's calls with every model that never saw their corpus, and with the final model.

    python scores.py [FOLD ...]      .cache/scores/FOLD.csv: fold, condition, corpus, speaker, system, seen, logit
"""

import csv
import sys

import numpy as np
import torch

import bank
import calls
import export
import folds
import frontend
import paths

FOLDER = paths.CACHE / "scores"


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


def score(model, kept):
    """The engine's call logit: the mean over windows."""
    with torch.no_grad():
        return float(model(torch.from_numpy(frontend.windows(kept)))[:, 0].mean())


def main(names):
    rendered = np.load(calls.FILE)
    keys = [key for key in rendered.files if not key.startswith("audio|")]
    kept = {key: rendered[key].astype(np.float32) for key in keys}
    FOLDER.mkdir(exist_ok=True)
    for fold in names:
        if not (paths.CACHE / "models" / f"{fold}.pt").exists():
            print(f"scores: {fold} is not trained yet, left out")
            continue
        model = export.load(fold)
        lines = []
        for key in keys:
            condition, corpus, speaker, system, name = key.replace("|", "/", 1).split("/")
            kind = kind_of(fold, corpus, system)
            if kind:
                lines.append([fold, condition, corpus, speaker, system, name, kind, f"{score(model, kept[key]):.5f}"])
        with open(FOLDER / f"{fold}.csv", "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["fold", "condition", "corpus", "speaker", "system", "name", "kind", "logit"])
            table.writerows(lines)
        print(f"scores: {fold} done", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:] or folds.NAMES)
