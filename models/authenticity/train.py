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

STEPS = {"final": 1000}
FOLD_STEPS = 500
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


def loss_of(logits, labels, groups):
    """Cross entropy with both classes weighing the same, and a margin between each genuine window and its own twins."""
    genuine, twin, spoken = labels == 1, (labels == 0) & (groups >= 0), groups < 0
    target = labels * (1 - 2 * SMOOTHING) + SMOOTHING
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    balanced = 0.5 * entropy[genuine].mean() + 0.35 * entropy[twin].mean() + 0.15 * entropy[spoken].mean()
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


def train(fold):
    folder = paths.CACHE / "models"
    folder.mkdir(parents=True, exist_ok=True)
    finished, checkpoint = folder / f"{fold}.pt", folder / f"{fold}.checkpoint.pt"
    if finished.exists():
        print(f"{fold}: already trained")
        return
    steps = steps_of(fold)
    torch.manual_seed(1)
    model = Countermeasure().to(memory_format=torch.channels_last)  # a quarter faster than the default layout
    average = copy.deepcopy(model).eval()
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps, pct_start=0.15)
    begin = 0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        begin = state["step"]
        for part, name in ((model, "model"), (average, "average"), (optimiser, "optimiser"), (schedule, "schedule")):
            part.load_state_dict(state[name])
    data = fold_data(fold, bank.load(), steps, seed=begin + 11)
    data.begin = begin
    loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=1, prefetch_factor=4)
    start = time.time()
    model.train()
    sums = torch.zeros(2)
    for step, (features, labels, groups) in enumerate(loader, begin + 1):
        total, balanced, ranked = loss_of(model(features)[:, 0], labels, groups)
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 3.0)
        optimiser.step()
        schedule.step()
        average_into(average, model, step)
        sums += torch.tensor([balanced.item(), ranked.item()])
        if step % 25 == 0:
            left = (time.time() - start) / (step - begin) * (steps - step) / 60
            entropy, order = (sums / 25).tolist()
            sums.zero_()
            print(f"{fold}: step {step}/{steps}, entropy {entropy:.3f}, pairs in order {order:.3f}, {left:.1f} min left", flush=True)
        if step % CHECKPOINT_EVERY == 0 or step == steps:
            state = {"step": step, "model": model, "average": average, "optimiser": optimiser, "schedule": schedule}
            torch.save({k: v if k == "step" else v.state_dict() for k, v in state.items()}, checkpoint)
        if step == steps:
            break
    settle(average, data)
    torch.save(average.state_dict(), finished)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or folds.NAMES:
        train(name)
