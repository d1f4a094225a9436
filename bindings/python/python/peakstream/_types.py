"""What functions take, for type checkers alone: nothing is imported when a program runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from typing import Literal, Union

    import numpy as np
    from numpy.typing import NDArray

    from ._engine import Speech

    Path = Union[str, "os.PathLike[str]"]
    Samples = Union[NDArray[np.int16], NDArray[np.float32], NDArray[np.float64]]
    Audio = Union[Path, Samples, Speech]
    Bytes = Union[bytes, bytearray, memoryview, NDArray[np.uint8], NDArray[np.int16], NDArray[np.float32]]
    ChannelType = Literal["telephone", "microphone"]
