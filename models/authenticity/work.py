"""Work in many small pieces on all processors: each leaves a file, what is there is skipped, so it can be stopped at any time.

PEAKSTREAM_JOBS says how many processes work; without it, one for each processor this process may use.
"""

import multiprocessing
import os
import sys
import time

import numpy as np

SHOWN_EVERY = 20.0  # seconds
_todo = []  # what the workers find when they start: functions do not travel between processes


def processes():
    text = os.environ.get("PEAKSTREAM_JOBS", "")
    if not text:
        return len(os.sched_getaffinity(0))
    if not text.isdecimal() or int(text) == 0:
        sys.exit(f"PEAKSTREAM_JOBS is the number of processes, 1 or more, not {text!r}")
    return int(text)


def save(path, **arrays):
    """An .npz that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, **arrays)
    temporary.rename(path)


def _one(index):
    path, make = _todo[index]
    arrays = make()
    if arrays is not None:
        save(path, **arrays)
    return arrays is not None


def do(title, todo, of=None):
    """Runs (path, make) pieces, of `of` in all; `make` returns arrays to save, or None if nothing is worth keeping. Returns how many were
    left out. An exception ends the work; the pieces that are done stay."""
    todo = list(todo)
    if len({path for path, _ in todo}) != len(todo):
        raise ValueError(f"{title}: two pieces would leave the same file")
    workers = min(processes(), len(todo))
    of = len(todo) if of is None else of
    print(f"{title}: {of}, {len(todo)} to make" + (f", {workers} at once" if workers > 1 else ""), flush=True)
    if not todo:
        return 0
    global _todo
    _todo = todo
    start = shown = time.time()
    kept = 0
    try:
        # Forked, each for itself: a network is loaded by the process that uses it.
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            for done, made in enumerate(pool.imap_unordered(_one, range(len(todo))), 1):
                kept += made
                if time.time() - shown > SHOWN_EVERY:
                    shown = time.time()
                    left = (shown - start) / done * (len(todo) - done) / 60
                    print(f"{title}: {done}/{len(todo)}, about {left:.1f} min left", flush=True)
    finally:
        _todo = []
    print(f"{title}: done in {(time.time() - start) / 60:.1f} min", flush=True)
    return len(todo) - kept
