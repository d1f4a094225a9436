"""What the speaker network hears on its way: means and deviations over time of its intermediate layers.

A call's samples at 8 kHz enter, one vector leaves. The network is the installed one, which the engine runs for the embedding anyway.

    python layers.py [PASS or CONDITION ...] [--share 0.3]     of the pool's units and of the calls, into .cache/layers; what is there is skipped
    python layers.py windows                     of windows along the calls, for study.py
"""

import argparse
import functools
import sys

import numpy as np

import bank
import calls
import data
import paths
import pool
import vocoders
import work

sys.path.insert(0, str(paths.HERE.parent))
from reference import chain  # noqa: E402
from reference.runtime import log_mel  # noqa: E402

MODEL = paths.HERE.parent / "installed" / "campplus.onnx"
FOLDER = paths.CACHE / "layers"
LAYERS = ("head.layer2.1.relu", "flat", "tdnn.relu", "xvector.transit1", "xvector.transit2")
WIDTHS = (640, 320, 128, 256, 512)  # channels of each, bins counted
SIZE = 2 * sum(WIDTHS)  # numbers of a vector
LEAST_ROWS = 100
TWINS = 3  # of each unit and pass
AROUND = (6 * 256, 16 * 256)  # samples at 8 kHz before and after speech that are kept, as docs/front-end.md says


@functools.lru_cache(maxsize=1)
def _session():
    import onnx
    import onnxruntime
    from onnx import helper

    model = onnx.load(MODEL)
    names = {output for node in model.graph.node for output in node.output}
    absent = [name for name in LAYERS if name not in names]
    if absent:
        sys.exit(f"{MODEL.name} has no layers {absent}; it has, among others, {sorted(n for n in names if 'tdnn.' in n)[:9]}")
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in LAYERS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def around(speech):
    """Speech, one boolean per 8 kHz sample, widened as the engine widens it for the speaker network."""
    edges = np.diff(speech.astype(np.int8), prepend=0, append=0)
    wide = np.zeros_like(speech)
    for begin, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)):
        wide[max(0, begin - AROUND[0]) : end + AROUND[1]] = True
    return wide


def rows(pcm, speech):
    """Feature rows of int16 samples in and around speech."""
    features = log_mel(chain.raise_to_16k(pcm))
    centres = (np.arange(len(features)) * 160 + 200) // 2
    return features[around(speech)[np.minimum(centres, len(speech) - 1)]]


def statistics(features):
    """Mean of each layer's channels over time, then their deviations, layer after layer: [SIZE] of feature rows."""
    centred = features - features.mean(axis=0)
    parts = []
    for values in _session().run(list(LAYERS), {"features": centred[None]}):
        values = values[0].reshape(-1, values.shape[-1])
        parts += [values.mean(1), values.std(1, ddof=1)]
    return np.concatenate(parts)


def columns(layer):
    """Where a layer's numbers stand in a vector."""
    begin = 2 * sum(WIDTHS[: LAYERS.index(layer)])
    return slice(begin, begin + 2 * WIDTHS[LAYERS.index(layer)])


def of_samples(pcm, speech):
    """The vector of a call, or None if there is too little speech."""
    features = rows(pcm, speech)
    return statistics(features).astype(np.float16) if len(features) >= LEAST_ROWS else None


def until(speech, seconds):
    """How many samples hold so many seconds of speech."""
    return int(np.searchsorted(np.cumsum(speech), seconds * data.RATE)) + 1


def systems_of(path):
    """Whose signals a unit's file holds."""
    with np.load(path) as unit:
        return [system for system in unit.files if system != "mask"]


def chosen(systems, name, number):
    """Of a unit's systems: the genuine signal, and TWINS of its twins, the rare ones first."""
    own = [system for system in systems if system in ("genuine", "spoof")]
    rare = lambda system: bank.family_of(system) in bank.NEURAL_FAMILIES
    order = lambda system: (not rare(system), data.seed(name, number, bank.family_of(system), "order"))
    twins = sorted(set(systems) - set(own), key=order)
    return own + twins[:TWINS]


def of_unit(path, number, of, systems):
    """{system: vector} of a unit; odd passes hear 3 s only."""
    with np.load(path) as unit:
        signals = {system: unit[system] for system in systems}
        speech = np.unpackbits(unit["mask"])[: len(signals[systems[0]])].astype(bool)
    cut = until(speech, 3) if number % 2 else len(speech)
    vectors = {system: of(signal[:cut], speech[:cut]) for system, signal in signals.items()}
    return {system: vector for system, vector in vectors.items() if vector is not None}


def read_call(path):
    """Samples of a call, and where speech is."""
    with np.load(path) as call:
        samples = call["samples"]
        return samples, np.unpackbits(call["mask"])[: len(samples)].astype(bool)


def of_call(path, durations, of):
    """{seconds: vector} of a call's first seconds of net speech, as far as it goes."""
    samples, speech = read_call(path)
    vectors = {}
    for seconds in durations:
        if speech.sum() >= 0.95 * seconds * data.RATE:
            cut = until(speech, seconds)
            if (vector := of(samples[:cut], speech[:cut])) is not None:
                vectors[str(seconds)] = vector
    return vectors


def of_windows(path):
    """{number: vector} of three windows of 3 s along a call, and "whole" of all 9 s; nothing of calls with less speech."""
    samples, speech = read_call(path)
    ends = [until(speech, seconds) for seconds in (0, 3, 6, 9)]
    if ends[-1] > len(speech):
        return {}
    parts = {str(number): slice(*ends[number : number + 2]) for number in range(3)} | {"whole": slice(0, ends[-1])}
    vectors = {name: of_samples(samples[part], speech[part]) for name, part in parts.items()}
    return {} if any(vector is None for vector in vectors.values()) else vectors


def first(folder, share):
    """The files of a share of all units; or of all calls that are no copies, and of a share of those, the copies of a call together."""

    def wanted(path):
        name = path.stem.split("~")
        if path.parent.parent == calls.FOLDER:
            corpus, speaker, system, clip = name
            name = [corpus, speaker, clip] if system in vocoders.VOCODERS else []
        return not name or data.seed(*name, "share") < share * 2**32

    return [path for path in sorted(folder.glob("*~*.npz")) if wanted(path)]


def hear(name, folder, of, share=1.0):
    """Vectors of a pass of the pool, or of the calls under a condition; what is there is skipped."""
    if name.isdecimal():
        units = {folder / "pool" / name / path.name: path for path in first(pool.FOLDER / name, share)}
        wanted = {target: chosen(systems_of(path), path.name, name) for target, path in units.items()}
        jobs = {target: functools.partial(of_unit, path, int(name), of, wanted[target]) for target, path in units.items()}
        todo = [(target, make) for target, make in jobs.items() if not pool.complete(target, wanted[target])]
    else:
        listed = first(calls.FOLDER / ("g711" if name == "windows" else name), share)
        durations = (3, 5, 10) if name == "g711" else (5,)
        make = lambda path: functools.partial(of_windows, path) if name == "windows" else functools.partial(of_call, path, durations, of)
        jobs = {folder / name / path.name: make(path) for path in listed}
        todo = [(target, make) for target, make in jobs.items() if not target.exists()]
    work.do(f"{folder.name}, {name}", todo, of=len(jobs))


EVERYTHING = (*map(str, range(len(pool.PASSES))), *calls.CONDITIONS)


def main(folder, of):
    parser = argparse.ArgumentParser(description="Turns units of the pool and calls into vectors; what is there is skipped.")
    parser.add_argument("wanted", nargs="*", default=EVERYTHING, metavar="PASS or CONDITION", help=f"{', '.join(EVERYTHING)} (all of them), windows")
    parser.add_argument("--share", type=data.share_of, default=1.0, help="of all units, and of the calls that are copies, above 0 to 1: for a trial (default 1)")
    options = parser.parse_args()
    for name in options.wanted:
        hear(name, folder, of, options.share)


if __name__ == "__main__":
    main(FOLDER, of_samples)
