"""The processor that a figure is of."""

import os
import pathlib
import platform


def name():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def level_of(features):
    """The widest instruction set of those detected: what ONNX Runtime chooses its kernels by."""
    return "AVX-512" if "avx512f" in features else "AVX2" if "avx2" in features else platform.machine()


def widest_level():
    try:
        return level_of(pathlib.Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return platform.machine()


def load():
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else "unknown"
