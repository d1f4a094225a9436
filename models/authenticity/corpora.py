"""Genuine speech: (corpus, speaker, name, function() -> (samples, rate)) of every clip, at 8 or 16 kHz, from every source at hand."""

import csv
import random

import numpy as np
import soundfile
from scipy.signal import resample_poly

import paths

WORD_LEVEL = 0.06  # RMS; words that are joined are brought to one level first
KDE_CLIPS_PER_VOICE = 8


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


def joined_words(files, rate=16000):
    """Recordings of single words in a row, each at the same level and at most 2 s long."""
    words = []
    for path in files:
        word = to_rate(*soundfile.read(path), rate)[: 2 * rate]
        words.append(word * (WORD_LEVEL / (np.sqrt(np.mean(word**2)) + 1e-9)))
    return np.concatenate(words), rate


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
            yield "kde", voice, f"{number}", lambda part=part: joined_words(part)


def clips():
    """Every genuine clip."""
    yield from shared_clips("bonafide")
    yield from kde_clips()
