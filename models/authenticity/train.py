"""Trains one network: `python train.py FOLD` with FOLD one of the four corpora or `final`. Resumable at every checkpoint."""

import copy
import sys
import time

import numpy as np
import torch

import bank
import batches
import folds
import paths
from network import Countermeasure

STEPS = {"final": 600}
FOLD_STEPS = 500
SHARPEN_STEPS, SHARPEN_RATE, SHARPEN_DECAY = 250, 1.2e-3, 0.98
PEAK_RATE = 2.5e-3
DECAY = 0.995  # of the averaged weights, which are what is used
SMOOTHING = 0.03
CHECKPOINT_EVERY = 100


def steps_of(fold):
    return STEPS.get(fold, FOLD_STEPS)


def fold_data(fold, clips, steps, seed):
    """The batches a fold may train on."""
    corpora, vocoder_families, tts_families = folds.left_out(fold)
    seen = [clip for clip in clips if clip.corpus not in corpora and not bank.held_out(clip)]
    systems = [s for s in batches.ALL_VOCODERS if bank.family_of(s) not in vocoder_families]
    spoken = [family for family in folds.TTS_FAMILIES if family not in tts_families]
    return batches.Batches(seen, systems, spoken, steps, seed)


def loss_of(logits, labels, groups, smoothing):
    """Cross entropy with both classes weighing the same, and a margin between each genuine window and its own twins."""
    genuine, twin, spoken = labels == 1, (labels == 0) & (groups >= 0), groups < 0
    target = labels * (1 - 2 * smoothing) + smoothing
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    balanced = 0.5 * entropy[genuine].mean() + 0.25 * entropy[twin].mean() + 0.25 * entropy[spoken].mean()
    # Position of each twin's original: groups are contiguous and begin with the genuine window.
    original = logits[genuine][groups[twin]]
    paired = torch.nn.functional.softplus(logits[twin] - original).mean()
    return balanced + 0.5 * paired, balanced, (original > logits[twin]).float().mean()


def average_into(average, model, step, limit):
    decay = min(limit, step / (step + 10))  # young averages forget faster: nothing of the random start remains
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), model.state_dict().values()):
            if kept.dtype.is_floating_point:
                kept.mul_(decay).add_(new, alpha=1 - decay)
            else:
                kept.copy_(new)


def settle(average, data, count=30):
    """Batch-norm statistics measured anew: those of averaged weights are not the average of the weights' statistics."""
    norms = [part for part in average.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain mean over the batches
        norm.train()
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for i in range(count):
            average(data.batch(rng, strength=i / count)[0])
    average.eval()


def learn(model, average, optimiser, schedule, loader, begin, steps, title, smoothing, decay, checkpoint):
    """Steps begin + 1 to `steps`: one batch, one update, one turn of the running average."""
    start, sums = time.time(), torch.zeros(2)
    model.train()
    for step, (features, labels, groups) in enumerate(loader, begin + 1):
        total, balanced, ranked = loss_of(model(features)[:, 0], labels, groups, smoothing)
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 3.0)
        optimiser.step()
        schedule.step()
        average_into(average, model, step, decay)
        sums += torch.tensor([balanced.item(), ranked.item()])
        if step % 25 == 0:
            left = (time.time() - start) / (step - begin) * (steps - step) / 60
            entropy, order = (sums / 25).tolist()
            sums.zero_()
            print(f"{title}: step {step}/{steps}, entropy {entropy:.3f}, pairs in order {order:.3f}, {left:.1f} min left", flush=True)
        if step % CHECKPOINT_EVERY == 0 and checkpoint:
            torch.save({"step": step, "model": model.state_dict(), "average": average.state_dict(),
                        "optimiser": optimiser.state_dict()}, checkpoint)  # fmt: skip
        if step == steps:
            return


def loader_of(data):
    return torch.utils.data.DataLoader(data, batch_size=None, num_workers=1, prefetch_factor=4)


def main_phase(fold, clips, file, checkpoint):
    """Ever rougher telephones, one cycle of the learning rate, softened labels."""
    steps = steps_of(fold)
    torch.manual_seed(1)
    model = Countermeasure().to(memory_format=torch.channels_last)  # a quarter faster than the default layout
    average = copy.deepcopy(model).eval()
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps + 1, pct_start=0.15)
    begin = 0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        begin = state["step"]
        for part, name in ((model, "model"), (average, "average"), (optimiser, "optimiser")):
            part.load_state_dict(state[name])
        for _ in range(begin):
            schedule.step()
    data = fold_data(fold, clips, steps, seed=begin + 11)
    data.begin = begin
    learn(model, average, optimiser, schedule, loader_of(data), begin, steps, fold, SMOOTHING, DECAY, checkpoint)
    settle(average, data)
    torch.save(average.state_dict(), file)


def sharpen(fold, clips, begin_with, file):
    """A short second phase with hard labels: softened ones hold certain attacks near the doubtful ones, where a cautious
    calibration would let them pass."""
    torch.manual_seed(2)
    model = Countermeasure().to(memory_format=torch.channels_last)
    model.load_state_dict(torch.load(begin_with))
    average = copy.deepcopy(model).eval()
    optimiser = torch.optim.AdamW(model.parameters(), SHARPEN_RATE, weight_decay=0.01)
    decline = lambda step: max(0.0, 1 - step / SHARPEN_STEPS) * min(1.0, (step + 1) / 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, decline)
    data = fold_data(fold, clips, SHARPEN_STEPS, seed=7)
    data.mixed = True
    title = fold + ", hard labels"
    learn(model, average, optimiser, schedule, loader_of(data), 0, SHARPEN_STEPS, title, 0.0, SHARPEN_DECAY, None)
    settle(average, data)
    torch.save(average.state_dict(), file)


def train(fold):
    folder = paths.CACHE / "models"
    folder.mkdir(parents=True, exist_ok=True)
    first, finished = folder / f"{fold}.main.pt", folder / f"{fold}.pt"
    if finished.exists():
        print(f"{fold}: already trained")
        return
    clips = bank.load()
    if not first.exists():
        main_phase(fold, clips, first, folder / f"{fold}.checkpoint.pt")
    sharpen(fold, clips, first, finished)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or folds.NAMES:
        train(name)
