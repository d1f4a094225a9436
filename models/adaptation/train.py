"""Trains one delta: `python train.py final` or `python train.py speechocean762`. Resumable; one core, 7 minutes.

The final delta learns nothing from arabic_commands, whose clips all say the same five words: with them, the network learns to keep
words in a voice, and strangers who say the same come nearer. The fold learns from these instead of speechocean762, to judge it there.

Target: the published network's embedding of the whole clean clip. Input: a piece of 1.6 to 4.2 s of it after the telephone (a fifth
stay clean, so that wide-band calls do not suffer). Loss: 1 - cosine, and the squared differences between the batch's cosines
and those of its targets, among the new embeddings and between new and target ones: who is like whom shall stay as it was.
"""

import collections
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

import original
import paths
from network import Network

STEPS, BATCH, RATE, WARM_UP = 160, 24, 3e-4, 20
SHORTEST, LONGEST = 160, 420  # frames
CLEAN_SHARE, PLAIN_SHARE = 0.2, 0.5
RELATIONS = 5.0
AVERAGE = 0.03  # weight of a step in the running mean of the parameters, which is what is kept
CORPUS_WEIGHT = {"speechocean762": 1, "arabic_commands": 1.5, "kde": 1, "tts": 0.5}  # of a voice of it in a batch
CHECKPOINT_EVERY = 20
LEFT_OUT = {"final": "arabic_commands", "speechocean762": "speechocean762"}


def voices(left_out):
    """(corpus, speaker, speed) -> its clips."""
    found = collections.defaultdict(list)
    for path in sorted(paths.MATERIAL.glob("*/*.npz")):
        corpus = path.parent.name
        if corpus != left_out and ".new" not in path.name:
            speaker, _, speed = path.stem.rsplit("__", 2)
            with np.load(path) as stored:
                found[corpus, speaker, speed].append(dict(stored))
    return found


class Batches:
    def __init__(self, found, seed):
        self.clips = list(found.values())
        weight = np.array([CORPUS_WEIGHT[corpus] for corpus, _, _ in found], dtype=float)
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
            share = rng.random()
            version = "clean" if share < CLEAN_SHARE else "plain" if share < CLEAN_SHARE + (1 - CLEAN_SHARE) * PLAIN_SHARE else "line"
            rows = clip[version].astype(np.float32)
            if len(rows) >= length:
                first = rng.integers(len(rows) - length + 1)
                rows = rows[first : first + length]
            else:
                rows = np.concatenate([rows] * -(-length // len(rows)))[:length]
            features.append(rows - rows.mean(axis=0))
            targets.append(clip["target"])
        return torch.tensor(np.stack(features)), F.normalize(torch.tensor(np.stack(targets)), dim=1)


def loss_of(new, target):
    """(loss, mean distance 1 - cosine, squared error of the cosines among the new ones)."""
    others = ~torch.eye(len(new), dtype=torch.bool)
    relations = target @ target.T
    among = ((new @ new.T - relations)[others] ** 2).mean()
    across = ((new @ target.T - relations)[others] ** 2).mean()
    distance = (1 - (new * target).sum(dim=1)).mean()
    return distance + RELATIONS * (among + across) / 2, distance, among


def rate_at(step):
    falling = 1 if step < STEPS / 2 else max(0.05, 2 * (1 - step / STEPS))
    return RATE * min(1, step / WARM_UP) * falling


def train(fold):
    network = Network(original.tensors())
    found = voices(LEFT_OUT[fold])
    batches = Batches(found, seed=1)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.99))
    average = [parameter.detach().clone() for parameter in network.parameters()]
    print(f"{fold}: {len(found)} voices, {sum(map(len, found.values()))} clips", flush=True)
    checkpoint, first = paths.RUNS / f"{fold}.checkpoint", 1
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
        loss, distance, among = loss_of(F.normalize(network(features), dim=1), target)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        for kept, parameter in zip(average, network.parameters()):
            share = 1.0 if step == 1 else max(1 / step, AVERAGE)
            kept.add_((parameter.detach() - kept) * share)
        if step % CHECKPOINT_EVERY == 0:
            print(f"{fold}: step {step}, 1 - cosine {distance:.4f}, relations {among:.5f}, {time.monotonic() - started:.0f} s", flush=True)
            paths.RUNS.mkdir(parents=True, exist_ok=True)
            state = {"parameters": [p.detach() for p in network.parameters()], "optimiser": optimiser.state_dict(), "average": average}
            torch.save({**state, "random": batches.rng.bit_generator.state, "step": step}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").rename(checkpoint)
    for parameter, values in zip(network.parameters(), average):
        parameter.data.copy_(values)
    temporary = paths.RUNS / f"{fold}.new.npz"
    np.savez(temporary, **network.delta())
    temporary.rename(paths.RUNS / f"{fold}.npz")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if not (paths.RUNS / f"{sys.argv[1]}.npz").exists():
        train(sys.argv[1])
