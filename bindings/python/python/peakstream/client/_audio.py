"""A file, an array, a microphone or chunks enter; 20 ms of encoded audio after another leave."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from .._engine import encode, load_audio, resample
from ..errors import NarrowBand

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .._types import Path, Samples

    Audio = Union[Path, Samples, "Microphone", AsyncIterable[Samples], Iterable[Samples], None]
else:
    Audio = Any
"""What may be heard: a recording's path, an array, a :class:`Microphone`, or arrays as they come; None: a carrier sends it."""

RATES = {"telephone": 8000, "microphone": 16000}
_WIDTHS = {"pcm": 2, "mulaw": 1, "alaw": 1}
_MESSAGE_SECONDS = 0.02
_OVERRUN_SECONDS = 10


def needed(module: str, extra: str) -> Any:
    """A module that only some need."""
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: sounddevice without PortAudio
        raise ImportError(f"{module} is needed for this ({error}): pip install 'peakstream[{extra}]'") from error


class Microphone:
    """What a microphone of this machine hears, from the moment when the server listens until it has enough.

    sample_rate: Hz, one that the server takes. device: as of ``sounddevice``, None: the system's default.
    """

    def __init__(self, sample_rate: int = 16000, *, device: int | str | None = None) -> None:
        self.sample_rate, self.device = sample_rate, device
        self._sounddevice = needed("sounddevice", "microphone")

    async def __aiter__(self) -> AsyncIterator[NDArray[np.int16]]:
        import numpy as np

        loop, heard, length = asyncio.get_running_loop(), asyncio.Queue[bytes](), round(self.sample_rate * _MESSAGE_SECONDS)

        def take(data: Any, *_: Any) -> None:
            # On a thread of PortAudio, whose buffer is its own.
            loop.call_soon_threadsafe(heard.put_nowait, bytes(data))

        stream = self._sounddevice.RawInputStream(
            samplerate=self.sample_rate, channels=1, dtype="int16", blocksize=length, device=self.device, callback=take
        )
        with stream:
            while heard.qsize() * _MESSAGE_SECONDS < _OVERRUN_SECONDS:
                yield np.frombuffer(await heard.get(), np.int16)
        raise BufferError(f"the server is {_OVERRUN_SECONDS} s behind the microphone")


@dataclass(frozen=True)
class Source:
    """Audio on its way."""

    codec: str
    sample_rate: int
    messages: AsyncGenerator[bytes, None]

    def seconds(self, message: bytes) -> float:
        """How long a message sounds."""
        return len(message) / (_WIDTHS[self.codec] * self.sample_rate)

    def written(self) -> dict[str, Any]:
        """How it is written, as options of a carrier's call."""
        return {"codec": self.codec, "sample_rate": self.sample_rate}


async def source(audio: Any, options: Mapping[str, Any]) -> Source:
    """What ``audio`` means; recordings and arrays at the rate of the channel type, arrays as they come at their own."""
    sample_rate, channel, codec = options.get("sample_rate"), options.get("channel", 1), options.get("codec", "pcm")
    wanted = RATES[options.get("channel_type", "telephone")]
    if codec not in _WIDTHS:
        raise ValueError(f"codec is {codec!r}; this client writes {', '.join(map(repr, _WIDTHS))}")
    is_path, is_array = isinstance(audio, (str, os.PathLike)), hasattr(audio, "dtype")
    kind = f"{type(audio).__module__}.{type(audio).__qualname__}"
    if is_path or is_array:
        samples, rate = await asyncio.get_running_loop().run_in_executor(
            None, _whole, audio, is_path, sample_rate, channel, wanted
        )
        return Source(codec, rate, _cut(_one(samples), codec, rate))
    arrays: AsyncIterator[Any]
    if isinstance(audio, Microphone):
        sample_rate, arrays = audio.sample_rate, audio.__aiter__()
    elif hasattr(audio, "__aiter__"):
        arrays = audio.__aiter__()
    elif hasattr(audio, "__iter__") and not isinstance(audio, (bytes, bytearray, memoryview)):
        arrays = _from_thread(iter(audio))
    else:
        raise TypeError(f"audio: a path, an array, a Microphone or arrays one after another expected, got {kind}")
    if sample_rate is None:
        raise ValueError("sample_rate is needed with arrays one after another")
    return Source(codec, sample_rate, _cut(arrays, codec, sample_rate))


def _whole(audio: Any, is_path: bool, sample_rate: int | None, channel: int, wanted: int) -> tuple[Any, int]:
    if is_path:
        if sample_rate is not None:
            raise ValueError(f"sample_rate: {os.fspath(audio)} says it itself; leave it out")
        audio, sample_rate = load_audio(audio, channel=channel)
        channel = 1
    if sample_rate is None:
        raise ValueError("sample_rate is needed with an array")
    if sample_rate < wanted == RATES["microphone"]:
        raise NarrowBand(f"the microphone channel needs audio of {wanted} Hz, this has {sample_rate}")
    return resample(audio, sample_rate, wanted, channel=channel), wanted


async def _one(samples: Any) -> AsyncIterator[Any]:
    yield samples


async def _from_thread(arrays: Iterator[Any]) -> AsyncIterator[Any]:
    """Of an iterator that may block."""
    loop, over = asyncio.get_running_loop(), object()
    while (array := await loop.run_in_executor(None, next, arrays, over)) is not over:
        yield array


async def _cut(arrays: AsyncIterator[Any], codec: str, sample_rate: int) -> AsyncGenerator[bytes, None]:
    """Messages of 20 ms, the last one shorter."""
    length, rest = round(sample_rate * _MESSAGE_SECONDS) * _WIDTHS[codec], b""
    try:
        async for array in arrays:
            rest += encode(array, codec)
            for at in range(0, len(rest) - length + 1, length):
                yield rest[at : at + length]
            rest = rest[len(rest) - len(rest) % length :]
        if rest:
            yield rest
    finally:
        # A microphone is given back at once, not when the collector finds it.
        await getattr(arrays, "aclose", _nothing)()


async def _nothing() -> None:
    pass
