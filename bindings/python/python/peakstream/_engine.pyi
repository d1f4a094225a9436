"""Types of the compiled half; its documentation is in the objects themselves: ``help(peakstream.Engine)``."""

from collections.abc import Sequence
from types import TracebackType
from typing import Literal, TypeVar, Union, final

import numpy as np
from numpy.typing import NDArray

from ._types import Audio, Bytes, ChannelType, Path, Samples

_Keys = Union["CredentialKey", Sequence["CredentialKey"]]
_Name = TypeVar("_Name")

__all__ = [
    "Authenticity",
    "Calibration",
    "CallStream",
    "Credential",
    "CredentialKey",
    "Engine",
    "Evaluation",
    "Quality",
    "REASONS",
    "Registration",
    "Shortfall",
    "Speech",
    "Status",
    "Verification",
    "__version__",
    "decode",
    "encode",
    "evaluate",
    "load_audio",
    "resample",
]

__version__: str
REASONS: list[str]

@final
class Status:
    @property
    def net_speech(self) -> float: ...
    @property
    def audio(self) -> float: ...
    @property
    def percentage(self) -> int: ...
    @property
    def enough(self) -> bool: ...
    @property
    def boundary(self) -> bool: ...

@final
class CallStream:
    def push(self, data: Bytes) -> Status: ...
    @property
    def status(self) -> Status: ...
    def finish(self) -> Speech: ...
    def close(self) -> None: ...
    def __enter__(self) -> CallStream: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

@final
class Speech:
    @property
    def net_speech(self) -> float: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def channel_type(self) -> ChannelType: ...
    def samples(self) -> NDArray[np.int16]: ...

@final
class Shortfall:
    @property
    def gate(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def limit(self) -> float: ...
    @property
    def action(self) -> Literal["warn", "refuse"]: ...
    @property
    def text(self) -> str: ...

@final
class Quality:
    @property
    def net_speech(self) -> float: ...
    @property
    def signal_noise_ratio(self) -> float: ...
    @property
    def clipping(self) -> float: ...
    @property
    def band(self) -> float: ...
    @property
    def music(self) -> float: ...
    @property
    def one_voice(self) -> float | None: ...
    @property
    def shortfalls(self) -> list[Shortfall]: ...

class Authenticity:
    @property
    def authenticity(self) -> float: ...
    @property
    def llr(self) -> float | None: ...
    @property
    def unjudged(self) -> str | None: ...
    @property
    def net_speech(self) -> float: ...

@final
class Registration(Authenticity):
    @property
    def credential(self) -> Credential: ...
    @property
    def warnings(self) -> list[Shortfall]: ...

@final
class Verification(Authenticity):
    @property
    def score(self) -> float: ...
    @property
    def warnings(self) -> list[Shortfall]: ...

@final
class CredentialKey:
    def __new__(cls, id: bytes, secret: bytes) -> CredentialKey: ...
    @staticmethod
    def generate() -> CredentialKey: ...
    @property
    def id(self) -> bytes: ...
    @property
    def secret(self) -> bytes: ...

@final
class Credential:
    def seal(self, key: _Keys, tenant: str = "default") -> str: ...
    @staticmethod
    def open(text: str, key: _Keys, tenant: str = "default") -> Credential: ...
    @property
    def created_at(self) -> int: ...
    @property
    def calibration(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def channel_type(self) -> ChannelType: ...
    def embedding(self) -> NDArray[np.float32]: ...

@final
class Calibration:
    @staticmethod
    def load(path: Path) -> Calibration: ...
    @property
    def identity(self) -> str: ...
    @property
    def channel_type(self) -> ChannelType: ...
    def llr(
        self, cosine: float, *, net_speech: tuple[float, float] = (5.0, 5.0), snr: tuple[float, float] = (30.0, 30.0)
    ) -> float: ...
    def threshold(self, point: str) -> float: ...

@final
class Evaluation:
    @property
    def eer(self) -> float: ...
    @property
    def cllr(self) -> float: ...
    @property
    def min_cllr(self) -> float: ...
    @property
    def thresholds(self) -> NDArray[np.float64]: ...
    @property
    def far(self) -> NDArray[np.float64]: ...
    @property
    def frr(self) -> NDArray[np.float64]: ...
    def det(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def min_dcf(self, prior: float) -> float: ...
    def actual_dcf(self, prior: float) -> float: ...
    def rates(self, threshold: float) -> tuple[float, float]: ...

@final
class Engine:
    def __new__(
        cls,
        models: Path | None = None,
        *,
        calibration: Calibration | None = None,
        precision: Literal["f32", "int8"] = "f32",
    ) -> Engine: ...
    @property
    def models(self) -> dict[str, str]: ...
    @property
    def model(self) -> str: ...
    @property
    def precision(self) -> Literal["f32", "int8"]: ...
    @property
    def cpu_level(self) -> Literal["avx512", "avx2", "neon", "portable"]: ...
    def calibration(self, channel_type: ChannelType = "telephone") -> Calibration: ...
    def open(
        self,
        codec: str = "mulaw",
        sample_rate: int = 8000,
        *,
        seconds: float = 5.0,
        channel_type: ChannelType = "telephone",
        container: Literal["raw", "wav", "ogg"] = "raw",
        sample_format: str = "",
        channels: int = 1,
        channel: int = 1,
        tolerate_mismatch: bool = False,
    ) -> CallStream: ...
    def speech(
        self,
        audio: Audio,
        sample_rate: int | None = None,
        *,
        channel_type: ChannelType = "telephone",
        seconds: float = 30.0,
        channel: int = 1,
    ) -> Speech: ...
    def register(
        self,
        audio: Audio,
        sample_rate: int | None = None,
        *,
        channel_type: ChannelType = "telephone",
        seconds: float = 30.0,
        channel: int = 1,
        attack_rate: float = 0.01,
    ) -> Registration: ...
    def verify(
        self,
        credential: Credential,
        audio: Audio,
        sample_rate: int | None = None,
        *,
        channel_type: ChannelType = "telephone",
        seconds: float = 30.0,
        channel: int = 1,
        attack_rate: float = 0.01,
    ) -> Verification: ...
    def identify(
        self,
        credentials: dict[_Name, Credential],
        audio: Audio,
        sample_rate: int | None = None,
        *,
        channel_type: ChannelType = "telephone",
        seconds: float = 30.0,
        channel: int = 1,
    ) -> list[tuple[_Name, float]]: ...
    def compare(self, one: Credential, other: Credential) -> float: ...
    def authenticity(
        self,
        audio: Audio,
        sample_rate: int | None = None,
        *,
        channel_type: ChannelType = "telephone",
        seconds: float = 30.0,
        channel: int = 1,
        attack_rate: float = 0.01,
    ) -> Authenticity: ...
    def quality(
        self,
        audio: Audio,
        sample_rate: int | None = None,
        *,
        channel_type: ChannelType = "telephone",
        seconds: float = 30.0,
        channel: int = 1,
    ) -> Quality: ...
    def embed(
        self,
        audio: Audio | Sequence[Audio],
        sample_rate: int | None = None,
        *,
        channel_type: ChannelType = "telephone",
        seconds: float = 120.0,
        channel: int = 1,
        threads: int | None = None,
    ) -> NDArray[np.float32]: ...
    def speech_segments(
        self, audio: Path | Samples, sample_rate: int | None = None, *, channel: int = 1
    ) -> NDArray[np.float64]: ...

def evaluate(scores: Sequence[float] | NDArray[np.float64], same: Sequence[bool] | NDArray[np.bool_]) -> Evaluation: ...
def encode(samples: Samples, codec: str, sample_format: str = "") -> bytes: ...
def decode(data: bytes, codec: str, sample_format: str = "") -> NDArray[np.int16]: ...
def resample(samples: Samples, sample_rate: int, wanted: int, *, channel: int = 1) -> NDArray[np.int16]: ...
def load_audio(path: Path, *, channel: int = 1) -> tuple[NDArray[np.int16], int]: ...
