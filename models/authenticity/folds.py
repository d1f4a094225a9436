"""What each fold leaves out: one genuine corpus, and whole families of synthesisers at the same time."""

TTS_FAMILIES = ("espeak", "flite", "festival", "piper", "kokoro")

FOLDS = {
    "speechocean762": {"vocoders": ("world",), "tts": ("flite", "piper")},
    "arabic_commands": {"vocoders": ("lpc", "hifigan"), "tts": ("kokoro",)},
    "asterisk": {"vocoders": ("griffin_lim", "phase"), "tts": ("festival",)},
    "kde": {"vocoders": ("codec2",), "tts": ("espeak",)},
}
NAMES = [*FOLDS, "final"]


def left_out(fold):
    """(genuine corpora, vocoder families, TTS families) that a fold never sees; nothing for the final model."""
    if fold == "final":
        return (), (), ()
    return (fold,), FOLDS[fold]["vocoders"], FOLDS[fold]["tts"]
