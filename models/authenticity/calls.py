"""The evaluation's calls: clips of one speaker joined to 5 s of net speech, through two telephones, as the engine sees them.

    python calls.py        renders them once into the cache (kept frames, and audio for AASIST)
"""

import dataclasses
import random
import time

import numpy as np
from scipy.signal import resample_poly

import augment
import bank
import data
import frontend
import paths
import speech

NET_SECONDS = 5.0
FILE = paths.CACHE / "calls.npz"
CONDITIONS = ("telephone", "rough")
ROUGH_STRENGTH = 0.8
AASIST_SAMPLES = 64_600  # 16 kHz
# Calls of one (corpus, system) at most.
GENUINE_CALLS = {"speechocean762": 150, "arabic_commands": 120, "asterisk": 120, "kde": 80}
TWIN_CALLS, TTS_CALLS = 12, {"espeak": 60}
TTS_CALLS_OTHER = 12


@dataclasses.dataclass
class Call:
    """One call of the evaluation; `system` is "genuine", a vocoder or a text-to-speech system."""

    corpus: str
    speaker: str
    system: str
    clips: list

    @property
    def key(self):
        return "/".join([self.corpus, self.speaker, self.system, self.clips[0].name])

    @property
    def signal_name(self):
        return "spoof" if self.corpus.startswith("tts_") else self.system


def _groups(clips, signal_name):
    """Clips in a row with enough speech, speaker by speaker, every clip used once."""
    clips = [clip for clip in clips if signal_name in clip.signals]
    groups = []
    while clips:
        group = bank.until(clips, NET_SECONDS)
        clips = clips[len(group) :]
        if sum(clip.mask.sum() for clip in group) >= NET_SECONDS * 8000:
            groups.append(group)
    return groups


def _rounds(per_speaker, limit, seed):
    """At most `limit` groups, taking every speaker once before any speaker twice."""
    rng = random.Random(seed)
    for groups in per_speaker.values():
        rng.shuffle(groups)
    speakers = sorted(per_speaker)
    rng.shuffle(speakers)
    deepest = max((len(groups) for groups in per_speaker.values()), default=0)
    ordered = [(s, per_speaker[s][i]) for i in range(deepest) for s in speakers if i < len(per_speaker[s])]
    return ordered[:limit]


def select(clips):
    """All calls of the evaluation, the same ones for the same cache."""
    by_speaker = {}
    for clip in clips:
        by_speaker.setdefault((clip.corpus, clip.speaker), []).append(clip)
    calls = []
    for corpus in bank.CORPORA:
        for system in ("genuine", *data.vocoders.VOCODERS):
            limit = GENUINE_CALLS[corpus] if system == "genuine" else TWIN_CALLS
            groups = {s: _groups(c, system) for (k, s), c in by_speaker.items() if k == corpus}
            calls += [Call(corpus, s, system, g) for s, g in _rounds(groups, limit, corpus + system)]
    spoken = {}
    for (corpus, speaker), group in by_speaker.items():
        group = [clip for clip in group if bank.held_out(clip)]
        if corpus.startswith("tts_") and group:
            spoken.setdefault((corpus, bank.tts_system(group[0])), {})[speaker] = _groups(group, "spoof")
    for (corpus, system), groups in sorted(spoken.items()):
        calls += [Call(corpus, s, system, g) for s, g in _rounds(groups, TTS_CALLS.get(system, TTS_CALLS_OTHER), system)]
    return calls


def heard(samples):
    """Kept frames of an 8 kHz signal, speech selection included, as the engine computes them."""
    return frontend.kept_frames(frontend.log_spectrum(samples), speech.speech_mask(samples))


def render(call, condition):
    """What arrives of a call: 8 kHz float after G.711."""
    samples, _ = bank.joined(call.clips, call.signal_name)
    rng = np.random.default_rng(data.seed(call.key, condition))
    if condition == "telephone":
        return augment.telephone(samples, law=rng.choice(["mu", "a"]), level=10 ** (rng.uniform(-30, -18) / 20))
    return augment.render([samples], rng, ROUGH_STRENGTH)[0]


def first_seconds_16k(samples):
    """AASIST's input: 4.04 s at 16 kHz from the beginning of the call's speech."""
    mask = speech.speech_mask(samples)
    raised = resample_poly(samples[mask], 2, 1)
    return np.resize(raised, AASIST_SAMPLES).astype(np.float32)


def main():
    calls = select(bank.load())
    print(f"calls: {len(calls)} in {len(CONDITIONS)} conditions", flush=True)
    arrays, shown = {}, time.time()
    for number, call in enumerate(calls):
        for condition in CONDITIONS:
            samples = render(call, condition)
            kept = heard(samples)
            if len(kept) < frontend.WINDOW_FRAMES:
                continue
            arrays[f"{condition}|{call.key}"] = kept.astype(np.float16)
            if condition == "telephone":
                arrays[f"audio|{call.key}"] = np.round(first_seconds_16k(samples) * 32767).astype(np.int16)
        if time.time() - shown > 20:
            shown = time.time()
            print(f"calls: {number + 1}/{len(calls)}", flush=True)
    np.savez(FILE, **arrays)


if __name__ == "__main__":
    main()
