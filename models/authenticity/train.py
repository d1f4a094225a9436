"""Trains one network on the pool: `python train.py --fold FOLD [--seed N] [--size SIZE] [--view VIEW] [--steps N] [--finish]`.

FOLD is one of the corpora that are left out, or `final`. The trunk runs at a constant rate and goes on where it was stopped; --finish branches
off it, lets the rate decline and writes the model. Every EVALUATE steps the left-out fold is scored: .cache/runs/NAME/curve.csv.
"""

import argparse
import copy
import csv
import pathlib
import time

import torch

import batches
import evaluation
import folds
import frontend
import paths
import scores
from network import Countermeasure

RUNS = paths.CACHE / "runs"
RATE, WARM_UP = 2e-3, 200
DECAY = 0.999  # of the averaged weights, which are what is used
COOL_DOWN = 0.2  # of the trunk's steps
CHECKPOINT, EVALUATE = 250, 1000
HALF = "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text()  # without the instructions it is three times as slow as single precision
CURRICULUM = 4000  # steps until lines of every roughness come alike


def run_name(fold, seed, size, view):
    return f"{fold}.{size}.{view}.{seed}"


def loss_of(logits, labels, groups):
    """Cross entropy with both classes weighing the same, and a margin between each genuine window and its own twins."""
    genuine, twin, spoken = labels == 1, (labels == 0) & (groups >= 0), groups < 0
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    balanced = 0.5 * entropy[genuine].mean() + 0.25 * entropy[twin].mean() + 0.25 * entropy[spoken].mean()
    # Position of each twin's original: groups are contiguous and begin with the genuine window.
    original = logits[genuine][groups[twin]]
    paired = torch.nn.functional.softplus(logits[twin] - original).mean()
    return balanced + 0.5 * paired, balanced, (original > logits[twin]).float().mean()


def average_into(average, model, step):
    decay = min(DECAY, step / (step + 10))  # young averages forget faster: nothing of the random start remains
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), model.state_dict().values()):
            if kept.dtype.is_floating_point:
                kept.mul_(decay).add_(new, alpha=1 - decay)
            else:
                kept.copy_(new)


class Run:
    """One network being trained, in its folder."""

    def __init__(self, fold, seed, size, view):
        self.fold, self.seed, self.size, self.view = fold, seed, size, view
        self.name = run_name(fold, seed, size, view)
        self.folder = RUNS / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        self.model = Countermeasure(size, frontend.VIEWS[view].count).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).eval()
        self.optimiser = torch.optim.AdamW(self.model.parameters(), RATE, weight_decay=0.01)
        self.step = 0
        self.parts = {"model": self.model, "average": self.average, "optimiser": self.optimiser}
        if (self.folder / "trunk.pt").exists():
            state = torch.load(self.folder / "trunk.pt")
            self.step = state["step"]
            for name, part in self.parts.items():
                part.load_state_dict(state[name])

    def save(self):
        temporary = self.folder / "trunk.tmp"
        torch.save({"step": self.step, **{name: part.state_dict() for name, part in self.parts.items()}}, temporary)
        temporary.rename(self.folder / "trunk.pt")

    def rate(self, cooling):
        """`cooling`: (first step, steps) of the decline, or None on the trunk."""
        warm = RATE * min(1.0, (self.step + 1) / WARM_UP)
        return warm if cooling is None else RATE * max(0.0, 1 - ((self.step - cooling[0]) / cooling[1]) ** 0.5)

    def advance(self, stock, until, cooling=None):
        data = batches.Batches(stock, self.step, until, self.seed, self.view, CURRICULUM)
        loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=1, prefetch_factor=4)
        begin, start, sums = self.step, time.time(), torch.zeros(2)
        self.model.train()
        for features, labels, groups in loader:
            for part in self.optimiser.param_groups:
                part["lr"] = self.rate(cooling)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=HALF):  # a third faster; the average is single precision
                logits = self.model(features.contiguous(memory_format=torch.channels_last))[:, 0]
            total, balanced, ranked = loss_of(logits.float(), labels, groups)
            self.optimiser.zero_grad()
            total.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 3.0)
            self.optimiser.step()
            self.step += 1
            average_into(self.average, self.model, self.step)
            sums += torch.tensor([balanced.item(), ranked.item()])
            if self.step % 50 == 0:
                left = (time.time() - start) / (self.step - begin) * (until - self.step) / 60
                entropy, order = (sums / 50).tolist()
                sums.zero_()
                print(f"{self.name}: step {self.step}/{until}, entropy {entropy:.3f}, pairs in order {order:.3f}, {left:.1f} min left", flush=True)
            if cooling is None and self.step % CHECKPOINT == 0:
                self.save()
            if self.step % EVALUATE == 0:
                self.evaluate(stock, "trunk" if cooling is None else "cooling")

    def settled(self, stock, count=40):
        """The average with batch-norm statistics measured anew: those of averaged weights are not the average of the statistics."""
        model = copy.deepcopy(self.average)
        norms = [part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # plain mean over the batches
            norm.train()
        data = batches.Batches(stock, CURRICULUM, CURRICULUM + count, 5, self.view, CURRICULUM)
        with torch.no_grad():
            for features, _, _ in data:
                model(features)
        return model.eval()

    def evaluate(self, stock, phase):
        """Error rates of the fold on plain G.711, appended to the learning curve."""
        found = scores.errors(scores.table(self.settled(stock), self.view, self.fold, "g711"))
        print(f"{self.name}: step {self.step}, " + ", ".join(f"{key} {value:.3f}" for key, value in found.items()), flush=True)
        file = self.folder / "curve.csv"
        fresh = not file.exists()
        with open(file, "a", newline="") as out:
            table = csv.writer(out)
            if fresh:
                table.writerow(["step", "phase", *found])
            table.writerow([self.step, phase, *(f"{value:.4f}" for value in found.values())])

    def finish(self, stock):
        first = self.step
        steps = int(first * COOL_DOWN)
        self.advance(stock, first + steps, (first, steps))
        settled = self.settled(stock)
        torch.save({"size": self.size, "view": self.view, "steps": self.step, "weights": settled.state_dict()}, self.folder / "model.pt")
        self.average = settled
        self.evaluate(stock, "finished")


def write_curves():
    """The learning curves of all runs that are there, beside the scores: what the card shows of the convolutions."""
    found = []
    for file in sorted(RUNS.glob("*/curve.csv")):
        with open(file, newline="") as rows:
            found += [[file.parent.name, *row] for row in list(csv.reader(rows))[1:]]
    evaluation.write_figures("curves.csv", ("run", "step", "phase", *scores.RATES), found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fold", required=True, choices=folds.NAMES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", default="small")
    parser.add_argument("--view", default="log", choices=frontend.VIEWS)
    parser.add_argument("--steps", type=int, default=20_000, help="where the trunk ends (default 20000)")
    parser.add_argument("--finish", action="store_true", help="let the rate decline afterwards and write the model")
    args = parser.parse_args()
    run = Run(args.fold, args.seed, args.size, args.view)
    stock = batches.Stock(args.fold)
    if run.step < args.steps:
        run.advance(stock, args.steps)
        run.save()
    if args.finish:
        run.finish(stock)
    write_curves()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
