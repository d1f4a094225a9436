"""What can go wrong: one exception for each reason, all of them of :class:`Error`.

The reasons have the same names in every language: ``error.reason`` is the name of the C library's result. What is of the wrong type
or shape is a plain :class:`TypeError` or :class:`ValueError`, and says what was expected and what came.
"""


class Error(Exception):
    """Anything that peakstream refuses; ``reason`` is its name."""

    reason = "internal"


class InvalidArgument(Error, ValueError):
    """A value outside its range."""

    reason = "invalid_argument"


class ModelsNotFound(Error):
    """No folder with models: see :func:`peakstream.install_models`."""

    reason = "models_not_found"


class ModelsInvalid(Error):
    """Models or a calibration that are damaged, or do not reproduce their golden vectors on this machine."""

    reason = "models_invalid"


class UnsupportedFormat(Error, ValueError):
    """A codec, rate or layout that calls cannot have; the text names every field that is wrong, and what is accepted."""

    reason = "unsupported_format"


class NarrowBand(Error, ValueError):
    """8 kHz audio for the microphone channel."""

    reason = "narrow_band"


class CodecMismatch(Error):
    """Bytes that are not what was declared."""

    reason = "codec_mismatch"


class InvalidAudio(Error):
    """Bytes that cannot be decoded."""

    reason = "invalid_audio"


class TooLittleSpeech(Error):
    """Not enough speech: 3 s for a decision, 0.3 s for an embedding."""

    reason = "too_little_speech"


class PoorQuality(Error):
    """Speech that a quality gate refuses."""

    reason = "poor_quality"


class NotACredential(Error, ValueError):
    """A text that is no credential."""

    reason = "not_a_credential"


class UnknownKey(Error):
    """A credential sealed with another key."""

    reason = "unknown_key"


class CredentialRefused(Error):
    """A credential of another tenant, or one that was changed."""

    reason = "credential_refused"


class NotComparable(Error):
    """Voices of different models, or of different channels with nothing in common."""

    reason = "not_comparable"


class NoThreshold(Error, LookupError):
    """A threshold that the calibration does not know; the text names those it knows."""

    reason = "no_threshold"


class UnreadableFile(Error, OSError):
    """A recording that is not there, damaged, or of an unknown kind."""

    reason = "file"


class Internal(Error):
    """A defect of peakstream."""

    reason = "internal"


BY_REASON = {error.reason: error for error in Error.__subclasses__()}
"""The exception for each reason."""
