"""Builds the training material in the cache: genuine clips, their copy-synthesised twins, and text to speech.

    python data.py [genuine] [later] [tts] [neural] [--folder DIR] [--share 0.2]      (all four without arguments)

One .npz a clip, all 8 kHz int16 at one level, with the speech mask; what exists is skipped, so it can be stopped at any time.
"""

import argparse
import functools
import hashlib
import math
import pathlib
import random

import numpy as np
from scipy.signal import resample_poly

import corpora
import paths
import speech
import tts
import vocoders
import work

RATE = 8000
LEVEL = 0.06  # RMS of speech; rendering changes it for both classes alike
NEURAL_CLIPS = 600  # 1 to 2 s of CPU each and system
EXCERPT = int(4.2 * RATE)  # of a clip, for the neural vocoders
MARGIN = RATE // 10
WIDE_SHARE = 0.2  # of the wide-band clips are copied at 16 kHz (dearer), the others at 8 kHz


def seed(*parts):
    """A number that depends on the parts only: the same clip always gets the same random choices."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:4], "little")


def item_path(corpus, speaker, name):
    return paths.ITEMS / corpus / speaker / f"{name}.npz"


def narrow(samples, rate, level):
    """8 kHz int16 at the given RMS, never clipped."""
    samples = corpora.to_rate(np.asarray(samples, np.float64), rate, RATE)
    samples = samples - samples.mean()
    scale = min(level / (np.sqrt(np.mean(samples**2)) + 1e-9), 0.99 / (np.abs(samples).max() + 1e-9))
    return np.round(samples * scale * 32767).astype(np.int16)


def usable(mask):
    return mask.sum() >= 0.6 * RATE


def build(title, jobs):
    """Run (path, function) jobs whose path does not exist yet."""
    jobs = list(jobs)
    left_out = work.do(title, [(path, make) for path, make in jobs if not path.exists()], of=len(jobs))
    if left_out:
        print(f"{title}: {left_out} left out (too little speech, or not to be said)", flush=True)


def twins(corpus, speaker, name, read):
    samples, rate = read()
    rng = np.random.default_rng(seed(corpus, speaker, name))
    if rate == 16000 and rng.random() > WIDE_SHARE:
        samples, rate = resample_poly(samples, 1, 2), 8000
    genuine = narrow(samples, rate, LEVEL)
    mask = speech.speech_mask(genuine / 32768)
    if not usable(mask):
        return None
    arrays = {"genuine": genuine, "mask": np.packbits(mask)}
    source = samples * (0.08 / (np.sqrt(np.mean(samples**2)) + 1e-9))
    source /= max(1, np.abs(source).max() / 0.95)
    for system, (_, vocoder) in vocoders.BASE.items():
        arrays[system] = fit(narrow(vocoder(source, rate, rng), rate, LEVEL), len(genuine))
    return arrays


def fit(samples, length):
    return np.pad(samples, (0, max(0, length - len(samples))))[:length]


def later_twin(clip, system):
    """The whole clip by a vocoder that came later; as wide or narrow as `twins` would take it."""
    corpus, speaker, name, read = clip
    with np.load(item_path(corpus, speaker, name)) as stored:
        genuine = stored["genuine"]
    rng = np.random.default_rng(seed(corpus, speaker, name, system))
    samples, rate = read() if rng.random() < WIDE_SHARE else (genuine / 32768, RATE)
    source = samples * (0.08 / (np.sqrt(np.mean(samples**2)) + 1e-9))
    source /= max(1, np.abs(source).max() / 0.95)
    _, vocoder = vocoders.LATER[system]
    return {system: fit(narrow(vocoder(source, rate, rng), rate, LEVEL), len(genuine))}


def excerpt(mask):
    """(begin, end) of the EXCERPT samples with most speech; of the whole clip if it is shorter. The same for every system."""
    if len(mask) <= EXCERPT:
        return 0, len(mask)
    heard = np.concatenate([[0], np.cumsum(mask)])
    begin = int(np.argmax(heard[EXCERPT:] - heard[:-EXCERPT]))
    return begin, begin + EXCERPT


def neural_twin(clip, system):
    """A clip's excerpt by a neural vocoder, half of them from the wide-band recording; computed with a margin on both sides."""
    corpus, speaker, name, read = clip
    with np.load(item_path(corpus, speaker, name)) as stored:
        genuine = stored["genuine"] / 32768
        mask = np.unpackbits(stored["mask"])[: len(genuine)]
    rng = np.random.default_rng(seed(corpus, speaker, name, system))
    begin, end = excerpt(mask)
    first, last = max(0, begin - MARGIN), min(len(genuine), end + MARGIN)
    samples, rate = (genuine, RATE) if rng.random() < 0.5 else read()
    scale = rate // RATE
    _, vocoder = vocoders.NEURAL[system]
    level = np.sqrt(np.mean(genuine[first:last] ** 2))
    twin = fit(narrow(vocoder(samples[first * scale : last * scale], rate, rng), rate, level), last - first)
    return {"begin": begin, system: twin[begin - first : end - first]}


def synthetic(make):
    try:
        samples, rate = make()
    except Exception as error:  # a voice that cannot say a text: skip the text
        print("skipped:", repr(error)[:120])
        return None
    samples = narrow(samples, rate, LEVEL)
    mask = speech.speech_mask(samples / 32768)
    return {"spoof": samples, "mask": np.packbits(mask)} if usable(mask) else None


def first(jobs, share):
    """A share of jobs that stand in random order; a larger share holds the smaller one."""
    return jobs[: math.ceil(share * len(jobs))]


def genuine_jobs(clips, share):
    """In random order: a training begun early sees every corpus."""
    for clip in first(random.Random(3).sample(clips, len(clips)), share):
        yield item_path(*clip[:3]), lambda clip=clip: twins(*clip)


def tts_jobs(_, share):
    """In random order: a pool frozen early holds every voice."""
    jobs = []
    for number, (family, system, speaker, make) in enumerate(tts.systems()):
        jobs.append((item_path("tts_" + family, system + "__" + speaker, f"{number}"), make))
    for _, voice, name, read in corpora.shared_clips("spoof"):
        family = voice.split("_")[0].replace("espeakng", "espeak")
        system = "espeak" if family == "espeak" else voice
        jobs.append((item_path("tts_" + family, system + "__shared_" + voice, name), read))
    random.Random(5).shuffle(jobs)
    for path, make in first(jobs, share):
        yield path, functools.partial(synthetic, make)


def made(clips):
    """The clips of which there are twins, in an order that takes every speaker once before any speaker twice."""
    by_speaker = {}
    for clip in clips:
        if item_path(*clip[:3]).exists():
            by_speaker.setdefault(clip[:2], []).append(clip)
    for speaker, own in by_speaker.items():
        random.Random(str(speaker)).shuffle(own)
    most = max(map(len, by_speaker.values()), default=0)
    return [own[i] for i in range(most) for own in by_speaker.values() if i < len(own)]


def sibling_jobs(clips, systems, make):
    """The systems in turn over each clip, into files beside the clip's own."""
    for clip in clips:
        for system in systems:
            yield item_path(*clip[:3]).with_suffix(f".{system}.npz"), functools.partial(make, clip, system)


def later_jobs(clips, share):
    """Of the clips that there are: `share` has decided already which."""
    return sibling_jobs(made(clips), vocoders.LATER, later_twin)


def neural_jobs(clips, share):
    return sibling_jobs(made(clips)[: math.ceil(share * NEURAL_CLIPS)], vocoders.NEURAL, neural_twin)


STAGES = {"genuine": genuine_jobs, "later": later_jobs, "tts": tts_jobs, "neural": neural_jobs}


def share_of(text):
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share above 0 and up to 1")
    return share


def main():
    parser = argparse.ArgumentParser(description="Builds the material of the authenticity model in the cache.")
    parser.add_argument("stages", nargs="*", metavar="stage", help=" ".join(STAGES) + " (all of them)")
    parser.add_argument("--folder", type=pathlib.Path, help="your own genuine recordings, FOLDER/speaker/clip.wav (or flac, ogg)")
    parser.add_argument("--share", type=share_of, default=1.0, help="of all clips and utterances, above 0 to 1: a small trial of everything (default 1)")
    options = parser.parse_args()
    if unknown := set(options.stages) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}: there are {', '.join(STAGES)}")
    paths.require_shared_data()
    clips = list(corpora.clips())
    if options.folder:
        own = list(corpora.user_clips(options.folder.resolve()))
        if not own:
            parser.error(f"no recordings in {options.folder}: they belong into FOLDER/speaker/clip.wav (or flac, ogg)")
        clips += own
    for stage in options.stages or STAGES:
        build(stage, STAGES[stage](clips, options.share))


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    main()
