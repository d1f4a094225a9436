"""What the adaptation learns from: each clip clean and through a telephone line, as the feature rows of its speech, and the
published network's embedding of the clean rows. No speaker's name is used but to choose batches.

    python material.py        resumable: a file per clip, what exists is skipped

Every clip comes at its own speed and at one other, which is another voice to the network. Speech that is 8 kHz already
(the telephone prompts) is not used: there is nothing above 4 kHz to learn from.
"""

import csv
import hashlib
import random
import time

import numpy as np
import soundfile
from scipy import signal

import original
import paths
from reference import chain, g711, silero, tensors
from reference.runtime import Embedder, log_mel

RATE = 16000
SYNTHETIC_CLIPS = KDE_CLIPS = 8  # a voice
SLOWER, FASTER = (0.84, 0.86, 0.88, 0.9, 0.92), (1.09, 1.12, 1.15, 1.18, 1.2)
WORDS_A_CLIP, WORD_RMS = 6, 0.06
FEWEST_FRAMES = 100


def seed(*parts):
    """A number that depends on the parts only: the same clip always gets the same random choices."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:4], "little")


def at_16k(path):
    samples, rate = soundfile.read(path)
    if samples.ndim > 1:
        samples = samples.mean(axis=1)
    divisor = np.gcd(rate, RATE)
    return samples if rate == RATE else signal.resample_poly(samples, RATE // divisor, rate // divisor)


def shared_clips():
    """(corpus, speaker, name, function() -> samples at 16 kHz) of the shared wide-band clips."""
    synthetic = {}
    with open(paths.DATA / "manifest.csv", newline="") as stream:
        for row in csv.DictReader(stream):
            if int(row["orig_sr"]) < RATE or row["speaker"] == "espeakng_en_gb_m5":  # the same audio as espeakng_en_gb
                continue
            if row["label"] == "spoof":
                synthetic[row["speaker"]] = synthetic.get(row["speaker"], 0) + 1
                if synthetic[row["speaker"]] > SYNTHETIC_CLIPS:
                    continue
            path = paths.DATA / row["path"]
            yield row["source"], row["speaker"], path.stem, lambda path=path: at_16k(path)


def joined_words(files):
    words = [at_16k(path)[: 2 * RATE] for path in files]
    words = [word * (WORD_RMS / (np.sqrt(np.mean(word**2)) + 1e-9)) for word in words]
    samples = np.concatenate(words)
    return samples * min(1, 0.95 / np.abs(samples).max())


def kde_clips():
    """Words of the games ktuberling and klettres, six of one voice joined; about forty voices in as many languages."""
    voices = {}
    for package, pattern in (("ktuberling", "sounds/*/*.[ow]*"), ("klettres", "*/*/*.ogg")):
        for path in sorted((paths.DEBS / f"{package}-data/usr/share" / package).glob(pattern)):
            language = path.parent.name if package == "ktuberling" else path.parent.parent.name
            if "@" not in language and path.suffix in (".ogg", ".wav") and soundfile.info(path).samplerate >= RATE:
                voices.setdefault(f"{package}_{language}", []).append(path)
    for voice, files in sorted(voices.items()):
        random.Random(voice).shuffle(files)
        for number in range(KDE_CLIPS):
            part = files[number * WORDS_A_CLIP : (number + 1) * WORDS_A_CLIP]
            if len(part) >= WORDS_A_CLIP - 1:
                yield "kde", voice, str(number), lambda part=part: joined_words(part)


def speeds(corpus, speaker):
    """One slower and one faster speed, the same for all clips of a voice."""
    choice = random.Random(f"{corpus}/{speaker}")
    return 1.0, choice.choice(SLOWER), choice.choice(FASTER)


def a_law(samples):
    """16-bit samples through A-law and back."""
    magnitude = np.abs(samples.astype(np.int32) + (samples < 0)).clip(0, 32767) >> 4
    shift = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    level = ((magnitude >> shift) << shift << 4) + (8 << shift)
    return np.where(samples < 0, -level, level).astype(np.int16)


def mu_law(samples):
    return g711.mu_law_decode(g711.mu_law_encode(samples))


def sixteen_bits(samples):
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def telephone(clip):
    """16 kHz -> a plain mu-law call, as it reaches the network's front end."""
    return chain.raise_to_16k(mu_law(sixteen_bits(signal.resample_poly(clip, 1, 2))))


def some_line(clip, rng):
    """The same through a line of its own: half of them plain, the others with band, level, noise or A-law."""
    samples = signal.resample_poly(clip, 1, 2)
    plain = rng.random() < 0.5
    if not plain:
        if rng.random() < 0.35:
            samples = signal.sosfilt(signal.butter(4, [300, 3400], "bandpass", fs=8000, output="sos"), samples)
        if rng.random() < 0.6:
            samples = samples * 10 ** (rng.uniform(-10, 6) / 20)
        if rng.random() < 0.4:
            samples = samples + rng.standard_normal(len(samples)) * np.sqrt(np.mean(samples**2)) * 10 ** (-rng.uniform(20, 35) / 20)
    pcm = sixteen_bits(samples)
    return chain.raise_to_16k(a_law(pcm) if not plain and rng.random() < 0.4 else mu_law(pcm))


def item(clip, rng, detector, embed):
    """Rows of the frames that hold speech, in all three versions, and the target; None if there is too little."""
    line = some_line(clip, rng)[: len(clip)]
    clip = clip[: len(line)]
    rows = {"line": log_mel(line), "clean": log_mel(clip), "plain": log_mel(telephone(clip)[: len(clip)])}
    frames = min(map(len, rows.values()))
    kept = chain.speech_frames(silero.probabilities(detector, line), frames)
    if kept.sum() < FEWEST_FRAMES:
        return None
    target = embed(rows["clean"][:frames][kept])
    return {"target": target, **{name: values[:frames][kept].astype(np.float16) for name, values in rows.items()}}


def main():
    if not (paths.DATA / "manifest.csv").exists():
        raise SystemExit("the adaptation needs the shared clips: put `shared/data` beside the repository or set PEAKSTREAM_DATA")
    detector = tensors.load((paths.MODELS / "installed" / "silero-vad.safetensors").read_bytes())
    embed = Embedder(original.onnx_file())
    clips = [*shared_clips(), *kde_clips()]
    random.Random(5).shuffle(clips)
    print(f"material: {len(clips)} clips, each at two speeds", flush=True)
    shown = time.monotonic()
    for done, (corpus, speaker, name, read) in enumerate(clips, 1):
        for speed in (0, 1 + seed(speaker, name) % 2):
            path = paths.MATERIAL / corpus / f"{speaker}__{name}__{speed}.npz"
            if path.exists():
                continue
            clip = read()
            if speed:
                clip = signal.resample_poly(clip, 100, round(100 * speeds(corpus, speaker)[speed]))
            made = item(clip, np.random.default_rng(seed(corpus, speaker, name, speed)), detector, embed)
            if made:
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_suffix(".new.npz")
                np.savez(temporary, **made)
                temporary.rename(path)
        if time.monotonic() - shown > 20:
            shown = time.monotonic()
            print(f"material: {done} of {len(clips)} clips", flush=True)


if __name__ == "__main__":
    main()
