"""The member that listens to the speaker network: vectors of layers.py in, a logit out. Trains in seconds, once the vectors are there.

    python branch.py        every fold and the final one, into .cache/runs/FOLD.branch/model.npz
"""

import collections
import dataclasses

import numpy as np
import torch

import bank
import folds
import layers
import paths
import pool
import scores

RUNS = paths.CACHE / "runs"
SEEDS = (1, 2, 3)
HIDDEN = 64  # of each seed; side by side they are one network
DROPOUT = 0.4
EPOCHS, RATE, DECAY, BATCH = 12, 1e-3, 0.1, 256
FURTHEST = 6.0  # deviations: what was never seen must not decide alone


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a branch is trained; as it is shipped, unless something else is said."""

    seeds: tuple = SEEDS
    hidden: int = HIDDEN
    epochs: int = EPOCHS
    weighed: bool = True  # corpora alike, families alike


def vectors(folder=layers.FOLDER):
    """(corpus, speaker, system, pass, unit, vector) of everything heard of the pool."""
    for number in range(len(pool.PASSES)):
        for path in sorted((folder / "pool" / str(number)).glob("*~*.npz")):
            corpus, speaker, _ = path.name.split("~")
            if corpus in bank.ODD_CORPORA or speaker.startswith(bank.JUDGED_ONLY):
                continue
            with np.load(path) as heard:
                for system in sorted(set(heard.files) - set(bank.JUDGED_ONLY)):
                    yield corpus, speaker, system, number, path.stem, heard[system]


def family_of(corpus, speaker, system):
    return bank.family_of(speaker.split("__")[0] if corpus.startswith("tts_") else system)


def seen_by(fold, rows):
    """Which rows a fold may learn from."""
    corpora, vocoder_families, tts_families = folds.left_out(fold)
    for corpus, speaker, system, *_ in rows:
        if corpus.startswith("tts_"):
            yield family_of(corpus, speaker, system) not in tts_families
        else:
            yield corpus not in corpora and (system == "genuine" or bank.family_of(system) not in vocoder_families)


def weights_of(rows):
    """Half for genuine speech (a corpus by the root of its speakers), a quarter each for twins and text to speech (families alike)."""
    speakers, groups = collections.defaultdict(set), []
    for corpus, speaker, system, *_ in rows:
        kind = "genuine" if system == "genuine" else "tts" if corpus.startswith("tts_") else "twin"
        speakers[corpus].add(speaker)
        groups.append((kind, corpus if kind == "genuine" else family_of(corpus, speaker, system)))
    sizes = collections.Counter(groups)
    weight = {group: len(speakers[group[1]]) ** 0.5 if group[0] == "genuine" else 1.0 for group in sizes}
    share = {"genuine": 0.5, "twin": 0.25, "tts": 0.25}
    whole = {kind: sum(w for group, w in weight.items() if group[0] == kind) for kind in share}
    return np.array([share[g[0]] * weight[g] / whole[g[0]] / sizes[g] for g in groups])


def learn(x, labels, weights, seed, recipe):
    torch.manual_seed(seed)
    nn = torch.nn
    parts = [nn.Dropout(DROPOUT), nn.Linear(x.shape[1], recipe.hidden), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(recipe.hidden, 1)]
    model = nn.Sequential(*parts)
    optimiser = torch.optim.AdamW(model.parameters(), RATE, weight_decay=DECAY)
    steps = recipe.epochs * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.1)
    for _ in range(recipe.epochs):
        for part in torch.randperm(len(x)).split(BATCH):
            entropy = nn.functional.binary_cross_entropy_with_logits(model(x[part])[:, 0], labels[part], reduction="none")
            optimiser.zero_grad()
            (weights[part] * entropy).mean().backward()
            optimiser.step()
            schedule.step()
    return [parts[1].weight, parts[1].bias, parts[4].weight, parts[4].bias]


def train(fold, rows, x, recipe=Recipe()):
    """The network of a fold, from rows (corpus, speaker, system, …) and their vectors."""
    seen = np.fromiter(seen_by(fold, rows), bool)
    own = [row for row, kept in zip(rows, seen) if kept]
    mine = x[seen].astype(np.float32)
    mean, scale = mine.mean(0), 1 / (mine.std(0) + 1e-3)
    mine = torch.from_numpy(np.clip((mine - mean) * scale, -FURTHEST, FURTHEST))
    labels = torch.tensor([float(row[2] == "genuine") for row in own])
    weights = torch.from_numpy((weights_of(own) * len(own)).astype(np.float32)) if recipe.weighed else torch.ones(len(own))
    trained = [[part.detach().numpy() for part in learn(mine, labels, weights, seed, recipe)] for seed in recipe.seeds]
    join = lambda index, axis=0: np.concatenate([parts[index] for parts in trained], axis)
    return {
        "mean": mean, "scale": scale, "hidden.weight": join(0), "hidden.bias": join(1),
        "output.weight": join(2, 1) / len(recipe.seeds), "output.bias": np.mean([parts[3] for parts in trained], 0),
    }  # fmt: skip


def logits(model, x):
    """Of vectors [n, SIZE]."""
    x = np.clip((x.astype(np.float32) - model["mean"]) * model["scale"], -FURTHEST, FURTHEST)
    hidden = np.maximum(x @ model["hidden.weight"].T + model["hidden.bias"], 0)
    return (hidden @ model["output.weight"].T + model["output.bias"])[:, 0]


def load(folder=layers.FOLDER):
    """(rows, vectors) of everything heard of the pool."""
    found = list(vectors(folder))
    return [row[:-1] for row in found], np.stack([row[-1] for row in found])


def main():
    rows, x = load()
    print(f"branch: {len(rows)} vectors, {sum(row[2] == 'genuine' for row in rows)} of them genuine", flush=True)
    for fold in folds.NAMES:
        model = train(fold, rows, x)
        folder = RUNS / f"{fold}.branch"
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "model.npz", **model)
        found = scores.errors(scores.table_of_branch(model, fold, "g711"))
        print(f"branch, {fold}: " + ", ".join(f"{key} {value:.3f}" for key, value in found.items()), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
