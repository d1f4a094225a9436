"""Genuine speech: (corpus, speaker, name, function() -> (samples, rate)) of every clip, at 8 or 16 kHz, from every source at hand."""

import csv
import functools
import pathlib
import random
import re
import sys

import numpy as np
import soundfile
from scipy.signal import resample_poly

import paths

WORD_LEVEL = 0.06  # RMS; words that are joined are brought to one level first
KDE_CLIPS_PER_VOICE = 8
TUXPAINT_CLIPS_PER_VOICE = 14
FILLETS_CLIPS_PER_VOICE = 30
FILLETS_CLIPS_PER_ROLE = 4
HEDGEWARS_CLIPS_PER_VOICE = 7
FESTVOX_CLIPS = 30


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


def joined_words(files, rate=16000, most=2):
    """Recordings of words in a row, each at the same level and at most so many seconds long."""
    words = []
    for path in files:
        word = to_rate(*soundfile.read(path), rate)[: most * rate]
        words.append(word * (WORD_LEVEL / (np.sqrt(np.mean(word**2)) + 1e-9)))
    return np.concatenate(words), rate


def kde_clips():
    """Words of the KDE games ktuberling and klettres, about 5 s of one voice joined; 40 voices in as many languages."""
    voices = {}
    for package, pattern in (("ktuberling", "sounds/*/*.[ow]*"), ("klettres", "*/*/*.ogg")):
        for path in sorted((paths.DEBS / f"{package}-data/usr/share" / package).glob(pattern)):
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


def tuxpaint_clips():
    """Spoken names of the pictures of Tux Paint, five of one language joined; one recorded voice a language."""
    voices = {}
    for path in sorted((paths.DEBS / "tuxpaint-stamps-default").rglob("*_desc*.ogg")):
        if match := re.fullmatch(r".*_desc(?:_([a-z]+))?\.ogg", path.name):
            voices.setdefault(match[1] or "en", []).append(path)
    for language, files in sorted(voices.items()):
        random.Random("tuxpaint " + language).shuffle(files)
        for number in range(TUXPAINT_CLIPS_PER_VOICE):
            part = files[number * 5 : number * 5 + 5]
            if len(part) == 5:
                yield "tuxpaint", language, f"{number}", lambda part=part: joined_words(part)


def fillets_clips():
    """Dialogue of the game Fish Fillets, Czech and Dutch: the two fish (m small, v big) of every level, and who else speaks in one."""
    for language in ("cs", "nl"):
        fish, others = {}, {}
        for path in sorted((paths.DEBS / f"fillets-ng-data-{language}").rglob("*.ogg")):
            if match := re.fullmatch(r".*-([mv])-.*\.ogg", path.name):
                fish.setdefault({"m": "small", "v": "big"}[match[1]], []).append(path)
            elif not re.fullmatch(r"[mv][-.].*|.*-[mv]\.ogg", path.name):
                role = re.sub(r"\d.*$", "", path.stem.split("-")[0])
                others.setdefault(f"{path.parent.parent.name}_{role}", []).append(path)
        for voices, parts, most in ((fish, 2, FILLETS_CLIPS_PER_VOICE), (others, 4, FILLETS_CLIPS_PER_ROLE)):
            for voice, files in sorted(voices.items()):
                random.Random(f"fillets {language} {voice}").shuffle(files)
                for number in range(min(most, len(files) // parts)):
                    part = files[number * parts : (number + 1) * parts]
                    yield "fillets", f"{language}_{voice}", f"{number}", functools.partial(joined_words, part, most=12 // parts)


def hedgewars_clips():
    """Cries of the hedgehogs of Hedgewars, seven of one voice joined; voices that are a machine's, or sing, are left out."""
    for folder in sorted((paths.DEBS / "hedgewars-data").rglob("Sounds/voices/*")):
        files = sorted(folder.glob("*.ogg"))
        if folder.name not in ("Robot", "Singer"):
            random.Random("hedgewars " + folder.name).shuffle(files)
            for number in range(min(HEDGEWARS_CLIPS_PER_VOICE, len(files) // 7)):
                yield "hedgewars", folder.name, f"{number}", lambda part=files[number * 7 : number * 7 + 7]: joined_words(part)


def festvox_clips():
    """The recordings that the Russian cluster-unit voice of Festival is cut from: one speaker, who is synthesised too."""
    files = sorted(pathlib.Path("/usr/share/festival/voices/russian/msu_ru_nsh_clunits/wav").glob("*.wav"))
    for path in random.Random("festvox").sample(files, min(FESTVOX_CLIPS, len(files))):
        yield "festvox", "msu_ru_nsh", path.stem, lambda path=path: joined_words([path], most=8)


def user_clips(folder):
    """A user's own recordings, FOLDER/speaker/clip.wav (or flac, ogg); whatever is below 16 kHz is taken at 8 kHz."""
    for path in sorted(folder.glob("*/*")):
        if path.suffix.lower() in (".wav", ".flac", ".ogg"):
            try:
                rate = 16000 if soundfile.info(path).samplerate >= 16000 else 8000
            except soundfile.LibsndfileError as error:
                sys.exit(f"{path} cannot be read as audio ({error.error_string}): convert or remove it")
            read = lambda path=path, rate=rate: (to_rate(*soundfile.read(path), rate), rate)
            yield "user_" + folder.name, path.parent.name, path.stem, read


def clips():
    """Every genuine clip."""
    yield from shared_clips("bonafide")
    yield from kde_clips()
    yield from tuxpaint_clips()
    yield from fillets_clips()
    yield from festvox_clips()
    yield from hedgewars_clips()
