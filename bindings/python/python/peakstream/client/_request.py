"""What is asked of the server, in its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict

from ._audio import RATES
from ._outcome import Progress


class Options(TypedDict, total=False):
    """What a registration or a verification may say beside its call and its audio."""

    sample_rate: int
    """Hz of an array, or of arrays that come one after another. With None for audio: of what the carrier sends [8000]."""
    channel: int
    """Which of an array or a file with several, counted from 1 [1]. With None for audio: of what the carrier sends."""
    seconds: float
    """Net speech that is enough, 3 to 30 [5]."""
    channel_type: Literal["telephone", "microphone"]
    """``"telephone"`` [default] is heard at 8 kHz, ``"microphone"`` at 16 kHz."""
    authenticity_threshold: float
    """Least authenticity, 0 to 1 [the server's]."""
    score_threshold: float
    """Least score, 0 to 1, of a verification [the server's]."""
    codec: str
    """How audio is written on its way: ``"pcm"`` [default: nothing is lost], ``"mulaw"``, ``"alaw"``. With None for audio: what
    the carrier sends [``"mulaw"``]."""
    protocol: Literal["twilio", "audiohook"]
    """With None for audio: how the carrier sends it; ``"twilio"`` [default] is every carrier but Genesys."""
    channels: int
    """With None for audio: how many channels the carrier sends, 1 or 2 [1]."""
    speed: float
    """How many times faster than it was spoken recorded audio is sent; 0 [default]: as fast as the server takes it."""
    on_progress: Callable[[Progress], object]
    """Called with every :class:`Progress` until the call is decided."""


#: Only a carrier's call has them.
_CARRIED = ("protocol", "channels")


def check(options: Mapping[str, Any], *, carried: bool) -> None:
    """Unknown ones are a mistake, as with any function."""
    known = set(Options.__annotations__)
    if not carried:
        known.difference_update(_CARRIED)
    for name in options:
        if name not in known:
            raise TypeError(f"unexpected option {name!r}; there are {', '.join(sorted(known))}")
    channel_type = options.get("channel_type", "telephone")
    if channel_type not in RATES:
        raise ValueError(f"channel_type is {channel_type!r}; use {' or '.join(map(repr, RATES))}")


def carried(options: Mapping[str, Any]) -> dict[str, Any]:
    """How a carrier writes its audio."""
    names = ("codec", "sample_rate", "channel", "channels", "protocol")
    return {name: options[name] for name in names if name in options}


def initialize(
    kind: str, call_id: str, written: Mapping[str, Any], options: Mapping[str, Any], members: Mapping[str, Any]
) -> dict[str, Any]:
    """The event that begins a session. written: how the audio is written; members: those of this kind alone."""
    codec = written.get("codec", "mulaw")
    metadata = {
        "audio_protocol": written.get("protocol", "twilio"),
        "audio_format": "raw",
        "audio_codec": codec,
        "sample_format": "s16le" if codec == "pcm" else "",
        "sample_rate": str(written.get("sample_rate", 8000)),
        "channels": str(written.get("channels", 1)),
        "channel": written.get("channel", 1),
        "call_id": call_id,
    }
    thresholds = {name: options[name] for name in ("authenticity_threshold", "score_threshold") if name in options}
    request = {
        "audio_total_duration": options.get("seconds", 5.0),
        "calibration": f"{options.get('channel_type', 'telephone')}-channel",
        **thresholds,
        **members,
    }
    return {"metadata": metadata, f"{kind}_request": request}
