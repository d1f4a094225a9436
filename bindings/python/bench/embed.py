"""Embeds the recordings of a folder, all of them for each round: embed.py f32|int8|resemblyzer MODELS FOLDER THREADS ROUNDS

f32 and int8 are peakstream in that precision. Says as JSON: what embeds, seconds until the first recording could be taken, seconds of each
round, and the peak of resident memory in MiB.

exit status: 3 this machine has no such precision
"""

import concurrent.futures
import json
import pathlib
import resource
import sys
import time


def of_peakstream(precision, models, threads):
    import peakstream

    try:
        engine = peakstream.Engine(models, precision=precision)
    except peakstream.errors.InvalidArgument as error:
        print(error, file=sys.stderr)
        sys.exit(3)
    title = f"peakstream {peakstream.__version__}, {precision}, {engine.cpu_level}"
    return title, lambda files: engine.embed(files, threads=threads)


def of_resemblyzer(threads):
    import importlib.metadata

    import numpy
    import torch
    from resemblyzer import VoiceEncoder, preprocess_wav

    # A recording to each thread, as the other does: faster than two threads within one recording.
    torch.set_num_threads(1)
    encoder, pool = VoiceEncoder("cpu", verbose=False), concurrent.futures.ThreadPoolExecutor(threads)
    title = f"Resemblyzer {importlib.metadata.version('resemblyzer')}, torch {torch.__version__}"
    return title, lambda files: numpy.stack(list(pool.map(lambda file: encoder.embed_utterance(preprocess_wav(file)), files)))


def main(which, models, folder, threads, rounds):
    begun = time.perf_counter()
    title, embed = of_resemblyzer(int(threads)) if which == "resemblyzer" else of_peakstream(which, models, int(threads))
    ready, files, seconds = time.perf_counter() - begun, sorted(pathlib.Path(folder).glob("*.wav")), []
    embed(files[:1])  # what is compiled or loaded with the first one
    for _ in range(int(rounds)):
        begun = time.perf_counter()
        embeddings = embed(files)
        seconds.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert len(embeddings) == len(files)
    print(json.dumps({"title": title, "ready": ready, "seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
