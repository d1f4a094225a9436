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


def times():
    """(computing, stolen): the time of all cores in hundredths of a second, and what a virtual machine wanted and did not get (proc(5))."""
    try:
        user, nice, system, _, _, irq, softirq, steal = map(int, pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    except (OSError, ValueError):
        return None
    return user + nice + system + irq + softirq, steal


def stolen(since):
    """The share of the time wanted since then that other machines on the same processor had; None where the system does not tell."""
    now = times()
    if since is None or now is None:
        return None
    computing, steal = (after - before for after, before in zip(now, since))
    return round(steal / max(computing + steal, 1), 3)


def load():
    return f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else "unknown"
