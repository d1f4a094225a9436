"""Real-time voice biometrics: a caller's speech in, a calibrated score and an authenticity out.

    import peakstream

    engine = peakstream.Engine()
    alice = engine.register("alice.wav").credential
    print(engine.verify(alice, "call.wav").score)

Audio is a path (WAV, FLAC, MP3, Ogg Opus), or a numpy array with its ``sample_rate``: float32 or float64 (full scale -1 to 1) or
int16, of shape (samples,) or (samples, channels), at any rate from 4 to 384 kHz. A live call is an :meth:`Engine.open` whose bytes are
pushed as they come. Errors: :mod:`peakstream.errors`. A client of the server: :mod:`peakstream.client`.
"""

from . import errors
from ._engine import (
    Authenticity,
    Calibration,
    CallStream,
    Credential,
    CredentialKey,
    Engine,
    Evaluation,
    Quality,
    Registration,
    Shortfall,
    Speech,
    Status,
    Verification,
    __version__,
    decode,
    encode,
    evaluate,
    load_audio,
    resample,
)
from .errors import Error
from .live import statuses
from .models import install_models

__all__ = [
    "Authenticity",
    "Calibration",
    "CallStream",
    "Credential",
    "CredentialKey",
    "Engine",
    "Error",
    "Evaluation",
    "Quality",
    "Registration",
    "Shortfall",
    "Speech",
    "Status",
    "Verification",
    "__version__",
    "decode",
    "encode",
    "errors",
    "evaluate",
    "install_models",
    "load_audio",
    "resample",
    "statuses",
]
