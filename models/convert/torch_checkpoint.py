"""Reads a PyTorch checkpoint without PyTorch.

In: a `.pt` file (a ZIP of one pickle and one raw file per storage). Out: a dict name -> numpy array.

A pickle can run any code, so the reader knows exactly the four globals that a plain state dict needs and refuses
every other one, also harmless-looking ones: a file that needs more is not the file we mean to read.
"""

import collections
import io
import pickle
import zipfile

import numpy as np


class RefusedPickle(Exception):
    """The checkpoint asks for something a state dict of plain tensors never needs."""


_STORAGE_DTYPES = {
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


def _rebuild_tensor(storage, offset, size, stride, *_ignored):
    """What `torch._utils._rebuild_tensor_v2` does, for contiguous tensors (all that occur in an exported state dict)."""
    count = int(np.prod(size, dtype=np.int64))
    contiguous = []
    step = 1
    for extent in reversed(size):
        contiguous.insert(0, step)
        step *= extent
    if tuple(stride) != tuple(contiguous) or offset + count > storage.size:
        raise RefusedPickle(f"tensor of size {size}, stride {stride}, offset {offset} is not contiguous inside its storage")
    return storage[offset : offset + count].reshape(size)


class _StateDictUnpickler(pickle.Unpickler):
    def __init__(self, stream, read_storage):
        super().__init__(stream)
        self._read_storage = read_storage

    def find_class(self, module, name):
        if (module, name) in _STORAGE_DTYPES:
            return _STORAGE_DTYPES[(module, name)]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        raise RefusedPickle(f"the checkpoint asks for {module}.{name}; only tensors of f32 and i64 are read")

    def persistent_load(self, pid):
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage" or not isinstance(pid[1], np.dtype):
            raise RefusedPickle(f"unknown kind of storage: {pid!r}")
        _, dtype, key, _location, count = pid
        return self._read_storage(dtype, str(key), int(count))


def read(data):
    """Returns every tensor of the checkpoint `data` (bytes), by name, f32 or i64, in the file's order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise RefusedPickle(f"expected one data.pkl in the checkpoint, found {pickles}")
        root = pickles[0][: -len("data.pkl")]

        def read_storage(dtype, key, count):
            raw = archive.read(f"{root}data/{key}")
            if len(raw) != count * dtype.itemsize:
                raise RefusedPickle(f"storage {key} has {len(raw)} bytes, expected {count * dtype.itemsize}")
            return np.frombuffer(raw, dtype=dtype)

        return dict(_StateDictUnpickler(io.BytesIO(archive.read(pickles[0])), read_storage).load())
