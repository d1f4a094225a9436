"""Training batches from the pool: genuine windows, their twins through the same telephone, and text to speech."""

import numpy as np
import torch

import bank
import folds
import frontend
import pool

GROUPS = 12  # genuine windows a batch, each with TWINS copies by different families
TWINS = 2
SPOKEN = 12  # text-to-speech windows a batch
BLENDED = 0.5  # of the twins hold a part of the genuine window


class Stock:
    """What a fold may see of the pool: unit files by pass, corpus and speaker."""

    def __init__(self, fold):
        corpora, vocoder_families, tts_families = folds.left_out(fold)
        self.absent = set(vocoder_families)
        self.genuine, self.spoken = {}, {}
        for number in range(len(pool.PASSES)):
            for path in sorted((pool.FOLDER / str(number)).glob("*~*.npz")):
                corpus, speaker, _ = path.name.split("~")
                if corpus.startswith("tts_"):
                    family = bank.family_of(speaker.split("__")[0])
                    if family not in tts_families:
                        self.spoken.setdefault(number, {}).setdefault(family, {}).setdefault(speaker, []).append(path)
                elif corpus not in corpora:
                    self.genuine.setdefault(number, {}).setdefault(corpus, {}).setdefault(speaker, []).append(path)


class Batches(torch.utils.data.IterableDataset):
    """Endless (features, label, group) batches; lines become rougher as the steps go by."""

    def __init__(self, stock, begin, end, seed, view, curriculum):
        self.stock, self.begin, self.end, self.seed = stock, begin, end, seed
        self.view, self.curriculum = frontend.VIEWS[view], curriculum

    def __iter__(self):
        torch.set_num_threads(1)
        rng = np.random.default_rng([self.seed, self.begin])
        for step in range(self.begin, self.end):
            yield self.batch(rng, min(1.0, step / self.curriculum))

    def chosen_pass(self, rng, progress):
        """Curriculum: pass 0 alone at first, nearly all alike at the end."""
        passes = sorted(self.stock.genuine)
        share = np.array([1.0] + [progress * (1 - 0.15 * number) for number in passes[1:]])
        return passes[rng.choice(len(passes), p=share / share.sum())]

    @staticmethod
    def pick(rng, options, share=None):
        """A random value of a dict or element of a list."""
        values = list(options.values()) if isinstance(options, dict) else options
        return values[rng.choice(len(values), p=share)]

    def batch(self, rng, progress):
        features, labels, groups = [], [], []
        for group in range(GROUPS):
            rows = self.pair(rng, progress)
            features += rows
            labels += [1.0] + [0.0] * (len(rows) - 1)
            groups += [group] * len(rows)
        for _ in range(SPOKEN):
            units = self.pick(rng, self.pick(rng, self.stock.spoken[self.chosen_pass(rng, progress)]))
            with np.load(self.pick(rng, units)) as unit:
                features += self.windows(rng, unit, ["spoof"])
            labels.append(0.0)
            groups.append(-1)
        features = torch.from_numpy(np.stack(features))
        return features, torch.tensor(labels), torch.tensor(groups)

    def pair(self, rng, progress):
        """One genuine window and its twins by vocoders of different families."""
        while True:
            corpora = self.stock.genuine[self.chosen_pass(rng, progress)]
            # A corpus counts by the square root of its speakers, or few voices would be heard too often.
            sizes = np.array([len(speakers) for speakers in corpora.values()]) ** 0.5
            with np.load(self.pick(rng, self.pick(rng, self.pick(rng, corpora, sizes / sizes.sum())))) as unit:
                families = {}
                for system in unit.files:
                    if system not in ("genuine", "mask") and bank.family_of(system) not in self.stock.absent:
                        families.setdefault(bank.family_of(system), []).append(system)
                if len(families) < TWINS:
                    continue
                # Neural twins are few: where there are some, they come.
                rare = [name for name in families if name in bank.NEURAL_FAMILIES]
                names = list(rng.permutation(rare)[:1]) + list(rng.permutation([n for n in families if n not in rare]))
                systems = [self.pick(rng, families[name]) for name in names[:TWINS]]
                return self.windows(rng, unit, ["genuine", *systems])

    def windows(self, rng, unit, systems):
        """The same 300 kept frames of each system's version of a unit."""
        signals = [unit[system] for system in systems]
        length = len(signals[0])
        speech = np.unpackbits(unit["mask"])[:length].astype(bool)
        offset = int(rng.integers(frontend.HOP))  # frames need not fall where the corpus or the vocoder put them
        frames = max(1, (length - offset - frontend.FRAME) // frontend.HOP + 1)
        kept = np.flatnonzero(speech[np.minimum(offset + np.arange(frames) * frontend.HOP + frontend.FRAME // 2, length - 1)])
        first = int(rng.integers(max(1, len(kept) - frontend.WINDOW_FRAMES + 1)))
        kept = kept[first : first + frontend.WINDOW_FRAMES]
        begin, end = kept[0], kept[-1] + 1
        cut = slice(offset + begin * frontend.HOP, offset + (end - 1) * frontend.HOP + frontend.FRAME)
        rows = np.resize(kept - begin, frontend.WINDOW_FRAMES)
        frames = [self.view.of(signal[cut] / np.float32(32768))[rows] for signal in signals]
        for twin in frames[1:]:
            self.blend(rng, twin, frames[0])
        windows = [frontend.network_input(part) for part in frames]
        self.hide(rng, windows)
        return windows

    @staticmethod
    def blend(rng, twin, genuine):
        """Give half of the twins a band or a stretch of the genuine window: what is left must be enough to notice them."""
        if rng.random() > BLENDED:
            return
        size = twin.shape[2] if rng.random() < 0.7 else twin.shape[0]
        width = int(size * rng.uniform(0.2, 0.7))
        part = slice(first := int(rng.integers(size - width + 1)), first + width)
        index = (slice(None), slice(None), part) if size == twin.shape[2] else (part,)
        twin[index] = genuine[index]

    @staticmethod
    def hide(rng, windows):
        """Hide bands, and stretches of time, of all windows alike: no single one decides."""
        for _ in range(int(rng.integers(3))):
            low, width = int(rng.integers(frontend.BINS)), int(rng.integers(4, 28))
            for window in windows:
                window[:, :, low : low + width] = 0
        if rng.random() < 0.5:
            first, width = int(rng.integers(frontend.WINDOW_FRAMES)), int(rng.integers(10, 80))
            for window in windows:
                window[:, first : first + width] = 0
