"""Trains the delta: `python train.py`. Resumable; one core, a quarter of an hour.

Target: the published network's embedding of the whole clean clip. Input: a piece of 1.6 to 4.2 s of it after a telephone line (a
fifth stay clean, so that wide-band calls do not suffer). Loss: 1 - cosine, and the squared differences between the new embeddings'
cosines and those of their targets, among the batch and to the targets of all voices: who is like whom shall stay as it was.
"""

import collections
import time

import numpy as np
import torch
import torch.nn.functional as F

import original
import paths
import sources
from network import Network

STEPS, BATCH, RATE, WARM_UP = 300, 24, 3e-4, 20
SHORTEST, LONGEST = 160, 420  # frames
VERSIONS = {"clean": 0.2, "plain": 0.4, "mild": 0.2, "rough": 0.2}  # of the inputs
RELATIONS = 5.0
AVERAGE = 0.03  # weight of a step in the running mean of the parameters, which is what is kept
SYNTHETIC_WEIGHT = 0.5  # of such a voice in a batch, beside a human one
CHECKPOINT_EVERY = 20


def voices():
    """(corpus, speaker, speed) -> its clips."""
    found = collections.defaultdict(list)
    for path in sorted(paths.MATERIAL.glob("*/*.npz")):
        if ".new" not in path.name:
            speaker, _, speed = path.stem.rsplit("__", 2)
            with np.load(path) as stored:
                found[path.parent.name, speaker, speed].append(dict(stored))
    return found


class Batches:
    def __init__(self, found, seed):
        self.clips = list(found.values())
        weight = np.array([SYNTHETIC_WEIGHT if corpus == sources.SYNTHETIC else 1.0 for corpus, _, _ in found])
        self.weight = weight / weight.sum()
        self.rng = np.random.default_rng(seed)

    def next(self):
        """(features, unit targets); two thirds of the voices, half of them twice, so that there are pairs of one voice."""
        rng = self.rng
        length = int(rng.integers(SHORTEST, LONGEST))
        once = list(rng.choice(len(self.clips), 2 * BATCH // 3, replace=False, p=self.weight))
        features, targets = [], []
        for voice in once + once[: BATCH - len(once)]:
            clip = self.clips[voice][rng.integers(len(self.clips[voice]))]
            rows = clip[rng.choice(list(VERSIONS), p=list(VERSIONS.values()))].astype(np.float32)
            if len(rows) >= length:
                first = rng.integers(len(rows) - length + 1)
                rows = rows[first : first + length]
            else:
                rows = np.concatenate([rows] * -(-length // len(rows)))[:length]
            features.append(rows - rows.mean(axis=0))
            targets.append(clip["target"])
        return torch.tensor(np.stack(features)), F.normalize(torch.tensor(np.stack(targets)), dim=1)


def loss_of(new, target, all_targets):
    """(loss, mean distance 1 - cosine, squared error of the cosines among the new ones)."""
    others = ~torch.eye(len(new), dtype=torch.bool)
    among = ((new @ new.T - target @ target.T)[others] ** 2).mean()
    across = (((new - target) @ all_targets.T) ** 2).mean()
    distance = (1 - (new * target).sum(dim=1)).mean()
    return distance + RELATIONS * (among + across) / 2, distance, among


def rate_at(step):
    falling = 1 if step < STEPS / 2 else max(0.05, 2 * (1 - step / STEPS))
    return RATE * min(1, step / WARM_UP) * falling


def train():
    network = Network(original.tensors())
    found = voices()
    batches = Batches(found, seed=1)
    all_targets = F.normalize(torch.tensor(np.stack([clip["target"] for clips in found.values() for clip in clips])), dim=1)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.99))
    average = [parameter.detach().clone() for parameter in network.parameters()]
    print(f"train: {len(found)} voices, {sum(map(len, found.values()))} clips", flush=True)
    checkpoint, first = paths.RUNS / "checkpoint", 1
    if checkpoint.exists():
        stored = torch.load(checkpoint)
        for parameter, values in zip(network.parameters(), stored["parameters"]):
            parameter.data.copy_(values)
        optimiser.load_state_dict(stored["optimiser"])
        batches.rng.bit_generator.state = stored["random"]
        average, first = stored["average"], stored["step"] + 1
    started = time.monotonic()
    for step in range(first, STEPS + 1):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step)
        features, target = batches.next()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            embeddings = network(features)
        loss, distance, among = loss_of(F.normalize(embeddings.float(), dim=1), target, all_targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        for kept, parameter in zip(average, network.parameters()):
            share = 1.0 if step == 1 else max(1 / step, AVERAGE)
            kept.add_((parameter.detach() - kept) * share)
        if step % CHECKPOINT_EVERY == 0:
            print(f"train: step {step}, 1 - cosine {distance:.4f}, relations {among:.5f}, {time.monotonic() - started:.0f} s", flush=True)
            paths.RUNS.mkdir(parents=True, exist_ok=True)
            state = {"parameters": [p.detach() for p in network.parameters()], "optimiser": optimiser.state_dict(), "average": average}
            torch.save({**state, "random": batches.rng.bit_generator.state, "step": step}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").rename(checkpoint)
    for parameter, values in zip(network.parameters(), average):
        parameter.data.copy_(values)
    np.savez(paths.TRAINED.with_suffix(".new.npz"), **network.delta())
    paths.TRAINED.with_suffix(".new.npz").rename(paths.TRAINED)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if not paths.TRAINED.exists():
        train()
