"""Safetensors files, both ways, with numpy only (the format is one JSON header and raw little-endian bytes)."""

import json
import struct

import numpy as np


DTYPES = {"F32": "<f4", "F16": "<f2"}


def dump(tensors, dtype="F32"):
    """Bytes of a safetensors file with the arrays of `tensors`, in their order, as `dtype`; same arrays, same bytes."""
    header = {}
    body = b""
    for name, values in tensors.items():
        raw = np.array(values, dtype=DTYPES[dtype], order="C").tobytes()
        header[name] = {"dtype": dtype, "shape": list(np.shape(values)), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # readers map the body in place and want it aligned
    return struct.pack("<Q", len(text)) + text + body


def load(data):
    """Dict name -> f32 array of a safetensors file's bytes."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in DTYPES:
            raise ValueError(f"{name} is {entry['dtype']}; only {' and '.join(DTYPES)} are read")
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[begin:end], dtype=DTYPES[entry["dtype"]])
        tensors[name] = values.astype("<f4", copy=False).reshape(entry["shape"])
    return tensors
