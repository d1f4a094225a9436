"""Embeddings of the engine and of something else take turns, one by one; how much longer the other takes leaves.

A machine that is shared changes its speed within seconds. Both of a pair meet the same, so the median of the pairs' ratios stays where it is; of two
minima one may be of a fast moment and the other of a slow one.
"""

import os
import statistics
import subprocess
import time

#: Pairs of an embedding of three seconds; of longer ones fewer, but not below the least.
PAIRS, LEAST = 25, 7


class Ours:
    """The engine, which embeds when it is asked to."""

    def __init__(self, bench, environment={}):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "universal_newlines": True, "bufsize": 1}
        self.process = subprocess.Popen([bench, "network", "--turns"], env={**os.environ, **environment}, **pipes)
        self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def embed(self, seconds, precision):
        """Milliseconds."""
        self.process.stdin.write(f"{seconds} {precision}\n")
        return float(self.process.stdout.readline())


def timed(run):
    """Something of Python's as a function that tells milliseconds."""

    def measure():
        started = time.perf_counter()
        run()
        return (time.perf_counter() - started) * 1e3

    return measure


def ratio(ours, theirs, seconds):
    """The median of theirs by ours over pairs; both tell what one time took."""
    pairs = max(LEAST, PAIRS * 3 // max(seconds, 3))
    ours(), theirs()
    return round(statistics.median(theirs() / ours() for _ in range(pairs)), 3)
