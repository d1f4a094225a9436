"""Training batches: genuine windows, their twins through the same telephone, and text to speech."""

import numpy as np
import torch

import augment
import bank
import frontend
import vocoders

GROUPS = 15  # genuine windows a batch, each with TWINS copies by different families
TWINS = 2
SPOKEN = 9  # text-to-speech windows a batch
MARGIN = 2 * frontend.FRAME


class Batches(torch.utils.data.IterableDataset):
    """Endless (features, label, kind) batches. `clips` is what a fold may see; strength grows with the step."""

    def __init__(self, clips, vocoder_systems, tts_families, steps, seed):
        self.genuine = {}
        self.spoken = {}
        for clip in clips:
            if "genuine" in clip.signals:
                self.genuine.setdefault(clip.corpus, {}).setdefault(clip.speaker, []).append(clip)
            elif bank.family_of(bank.tts_system(clip)) in tts_families:
                family = bank.family_of(bank.tts_system(clip))
                self.spoken.setdefault(family, {}).setdefault(clip.speaker, []).append(clip)
        self.families = {}
        for system in vocoder_systems:
            self.families.setdefault(bank.family_of(system), []).append(system)
        # A corpus counts by the square root of its speakers, or few voices would be heard too often.
        sizes = np.array([len(speakers) for speakers in self.genuine.values()], float) ** 0.5
        self.corpus_share = sizes / sizes.sum()
        self.steps, self.seed, self.begin = steps, seed, 0
        self.mixed = False  # lines of every roughness instead of ever rougher ones

    def __iter__(self):
        torch.set_num_threads(1)
        rng = np.random.default_rng(self.seed)
        for step in range(self.begin, self.steps):
            yield self.batch(rng, rng.uniform() if self.mixed else min(1.0, 1.3 * step / self.steps))

    def babble(self, rng):
        clip = self.pick(rng, self.pick(rng, self.genuine, self.corpus_share))
        return self.pick(rng, clip).signals["genuine"] / 32768.0

    @staticmethod
    def pick(rng, options, share=None):
        """A random value of a dict or element of a list."""
        values = list(options.values()) if isinstance(options, dict) else options
        return values[rng.choice(len(values), p=share)]

    def batch(self, rng, strength):
        features, labels, groups = [], [], []
        for group in range(GROUPS):
            windows = self.pair(rng, strength)
            features += windows
            labels += [1.0] + [0.0] * (len(windows) - 1)
            groups += [group] * len(windows)
        for _ in range(SPOKEN):
            clips = self.pick(rng, self.pick(rng, self.spoken))
            features += self.windows(rng, clips, ["spoof"], strength)
            labels.append(0.0)
            groups.append(-1)
        return torch.from_numpy(np.stack(features)), torch.tensor(labels), torch.tensor(groups)

    def pair(self, rng, strength):
        """One genuine window and its twins by vocoders of different families."""
        while True:
            clips = self.pick(rng, self.pick(rng, self.genuine, self.corpus_share))
            names = rng.choice(list(self.families), min(TWINS, len(self.families)), replace=False)
            systems = [self.families[name][rng.integers(len(self.families[name]))] for name in names]
            able = [clip for clip in clips if all(system in clip.signals for system in systems)]
            if able:
                return self.windows(rng, able, ["genuine", *systems], strength)

    def windows(self, rng, clips, systems, strength):
        """The same 300 kept frames of each system's version of some clips, after one random telephone."""
        clips = bank.until([clips[i] for i in rng.permutation(len(clips))], 3.3)
        signals, mask = zip(*[bank.joined(clips, system) for system in systems])
        mask = mask[0]
        centres = np.flatnonzero(mask[frontend.FRAME // 2 :: frontend.HOP])
        first = centres[rng.integers(max(1, len(centres) - frontend.WINDOW_FRAMES + 1))] * frontend.HOP
        last = centres[min(len(centres) - 1, np.searchsorted(centres, first // frontend.HOP) + frontend.WINDOW_FRAMES)]
        begin, end = max(0, first - MARGIN), last * frontend.HOP + 2 * MARGIN
        begin += int(rng.integers(frontend.HOP))  # frames need not fall where the corpus or the vocoder put them
        rendered = augment.render([signal[begin:end] for signal in signals], rng, strength, self.babble)
        windows = []
        for samples in rendered:
            kept = frontend.kept_frames(frontend.log_spectrum(samples), mask[begin:end])
            if len(kept) < frontend.WINDOW_FRAMES:
                kept = np.resize(kept, (frontend.WINDOW_FRAMES, frontend.BINS))
            windows.append(frontend.normalise(kept[: frontend.WINDOW_FRAMES]))
        if rng.random() < 0.3:  # hide a band, so that no single one decides
            low, width = int(rng.integers(frontend.BINS)), int(rng.integers(4, 20))
            for window in windows:
                window[:, low : low + width] = 0
        return windows


ALL_VOCODERS = list(vocoders.VOCODERS)
