"""Builds the training material in the cache: genuine clips, their copy-synthesised twins, and text to speech.

    python data.py [genuine] [tts] [hifigan]      (all three without arguments)

One .npz a clip, all 8 kHz int16 at one level, with the speech mask; what exists is skipped, so it can be stopped at any time.
"""

import csv
import hashlib
import random
import sys
import time

import numpy as np
import soundfile
from scipy.signal import resample_poly

import paths
import speech
import tts
import vocoders

RATE = 8000
LEVEL = 0.06  # RMS of speech; rendering changes it for both classes alike
HIFIGAN_CLIPS = 160  # 2.5 s of CPU each: a speaker-balanced subset
WIDE_SHARE = 0.2  # of the wide-band clips are copied at 16 kHz (dearer), the others at 8 kHz
KDE_CLIPS_PER_VOICE = 8


def seed(*parts):
    """A number that depends on the parts only: the same clip always gets the same random choices."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:4], "little")


def to_rate(samples, rate, target):
    """Mono float at another rate, one polyphase filter for genuine and synthetic speech alike."""
    if samples.ndim > 1:
        samples = samples.mean(1)
    divisor = np.gcd(rate, target)
    return samples if rate == target else resample_poly(samples, target // divisor, rate // divisor)


def shared_clips(label):
    """(corpus, speaker, name, function() -> (samples, rate)) of the shared clips of one label."""
    with open(paths.SHARED_DATA / "manifest.csv") as file:
        for row in csv.DictReader(file):
            if row["label"] == label and row["speaker"] != "espeakng_en_gb_m5":  # the same audio as espeakng_en_gb
                path = paths.SHARED_DATA / row["path"]
                # Prompts are true 8 kHz raised to 16: nothing is there above 4 kHz that a vocoder could copy.
                rate = 8000 if row["source"] == "asterisk" else 16000
                read = lambda p=path, r=rate: (to_rate(*soundfile.read(p), r), r)
                yield row["source"], row["speaker"], path.stem, read


def kde_clips():
    """Words of the KDE games ktuberling and klettres, about 5 s of one voice joined; 40 voices in as many languages."""
    root = paths.CACHE / "debs"
    voices = {}
    for package, pattern in (("ktuberling", "sounds/*/*.[ow]*"), ("klettres", "*/*/*.ogg")):
        for path in sorted((root / package / "usr/share" / package).glob(pattern)):
            language = path.parent.name if package == "ktuberling" else path.parent.parent.name
            if "@" not in language and path.suffix in (".ogg", ".wav"):
                voices.setdefault(f"{package}_{language}", []).append(path)
    for voice, files in sorted(voices.items()):
        random.Random(voice).shuffle(files)
        for number in range(KDE_CLIPS_PER_VOICE):
            part = files[number * 6 : number * 6 + 6]
            if len(part) < 5:
                break

            def read(part=part):
                words = []
                for path in part:
                    word = to_rate(*soundfile.read(path), 16000)[: 2 * 16000]
                    words.append(word * (LEVEL / (np.sqrt(np.mean(word**2)) + 1e-9)))
                return np.concatenate(words), 16000

            yield "kde", voice, f"{number}", read


def genuine_clips():
    yield from shared_clips("bonafide")
    yield from kde_clips()


def item_path(corpus, speaker, name):
    return paths.ITEMS / corpus / speaker / f"{name}.npz"


def narrow(samples, rate, level):
    """8 kHz int16 at the given RMS, never clipped."""
    samples = to_rate(np.asarray(samples, np.float64), rate, RATE)
    samples = samples - samples.mean()
    scale = min(level / (np.sqrt(np.mean(samples**2)) + 1e-9), 0.99 / (np.abs(samples).max() + 1e-9))
    return np.round(samples * scale * 32767).astype(np.int16)


def save(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, **arrays)
    temporary.rename(path)


def usable(mask):
    return mask.sum() >= 0.6 * RATE


def build(title, jobs):
    """Run (path, function) jobs whose path does not exist yet, with a progress line every 20 s."""
    jobs = list(jobs)
    todo = [(path, make) for path, make in jobs if not path.exists()]
    start = shown = time.time()
    print(f"{title}: {len(jobs)} clips, {len(todo)} to make", flush=True)
    for done, (path, make) in enumerate(todo, 1):
        arrays = make()
        if arrays is not None:
            save(path, **arrays)
        if time.time() - shown > 20:
            shown = time.time()
            left = (shown - start) / done * (len(todo) - done)
            print(f"{title}: {done}/{len(todo)}, about {left / 60:.1f} min left", flush=True)
    print(f"{title}: done in {(time.time() - start) / 60:.1f} min", flush=True)


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
    for system, (_, vocoder) in vocoders.VOCODERS.items():
        if system != "hifigan":
            arrays[system] = fit(narrow(vocoder(source, rate, rng), rate, LEVEL), len(genuine))
    return arrays


def fit(samples, length):
    return np.pad(samples, (0, max(0, length - len(samples))))[:length]


def hifigan_twin(item):
    stored = np.load(item)
    rng = np.random.default_rng(0)
    source = stored["genuine"] / 32768
    return {"hifigan": fit(narrow(vocoders.hifigan(source, RATE, rng), RATE, LEVEL), len(source))}


def synthetic(make):
    try:
        samples, rate = make()
    except Exception as error:  # a voice that cannot say a text: skip the text
        print("skipped:", repr(error)[:120])
        return None
    samples = narrow(samples, rate, LEVEL)
    mask = speech.speech_mask(samples / 32768)
    return {"spoof": samples, "mask": np.packbits(mask)} if usable(mask) else None


def genuine_jobs():
    """In random order: a training begun early sees every corpus."""
    clips = list(genuine_clips())
    random.Random(3).shuffle(clips)
    for clip in clips:
        yield item_path(*clip[:3]), lambda clip=clip: twins(*clip)


def tts_jobs():
    for number, (family, system, speaker, _, make) in enumerate(tts.systems()):
        yield item_path("tts_" + family, system + "__" + speaker, f"{number}"), lambda make=make: synthetic(make)
    for _, voice, name, read in shared_clips("spoof"):
        family = voice.split("_")[0].replace("espeakng", "espeak")
        system = "espeak" if family == "espeak" else voice
        yield item_path("tts_" + family, system + "__shared_" + voice, name), lambda read=read: synthetic(read)


def hifigan_jobs():
    """Clips in an order that takes every speaker once before any speaker twice."""
    by_speaker = {}
    for corpus, speaker, name, _ in genuine_clips():
        by_speaker.setdefault((corpus, speaker), []).append(item_path(corpus, speaker, name))
    for speaker, items in by_speaker.items():
        random.Random(str(speaker)).shuffle(items)
    rounds = [items[i] for i in range(max(map(len, by_speaker.values()))) for items in by_speaker.values() if i < len(items)]
    for item in [item for item in rounds if item.exists()][:HIFIGAN_CLIPS]:
        yield item.with_suffix(".hifigan.npz"), lambda item=item: hifigan_twin(item)


def main():
    paths.require_shared_data()
    jobs = {"genuine": genuine_jobs, "tts": tts_jobs, "hifigan": hifigan_jobs}
    for stage in sys.argv[1:] or jobs:
        build(stage, jobs[stage]())


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    main()
