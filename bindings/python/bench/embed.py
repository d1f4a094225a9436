"""Embeds the recordings of a folder, all of them for each round: embed.py peakstream|resemblyzer MODELS FOLDER THREADS ROUNDS

Says as JSON: seconds until the first recording could be taken, seconds of each round, and the peak of resident memory in MiB.
"""

import concurrent.futures
import json
import pathlib
import resource
import sys
import time


def of_peakstream(models, threads):
    import peakstream

    engine = peakstream.Engine(models)
    return lambda files: engine.embed(files, threads=threads)


def of_resemblyzer(models, threads):
    import numpy
    import torch
    from resemblyzer import VoiceEncoder, preprocess_wav

    # A recording to each thread, as the other does: faster than two threads within one recording.
    torch.set_num_threads(1)
    encoder, pool = VoiceEncoder("cpu", verbose=False), concurrent.futures.ThreadPoolExecutor(threads)
    return lambda files: numpy.stack(list(pool.map(lambda file: encoder.embed_utterance(preprocess_wav(file)), files)))


def main(which, models, folder, threads, rounds):
    begun = time.perf_counter()
    embed = {"peakstream": of_peakstream, "resemblyzer": of_resemblyzer}[which](models, int(threads))
    ready, files, seconds = time.perf_counter() - begun, sorted(pathlib.Path(folder).glob("*.wav")), []
    embed(files[:1])  # what is compiled or loaded with the first one
    for _ in range(int(rounds)):
        begun = time.perf_counter()
        embeddings = embed(files)
        seconds.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ready": ready, "seconds": seconds, "peak": peak, "shape": embeddings.shape}))


if __name__ == "__main__":
    main(*sys.argv[1:])
