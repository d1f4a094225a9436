"""As bindings/common/examples/push.rs: push.py MODELS RECORDING; `pcm` are arrays of int16, the others bytes."""

import sys
import time

import numpy

import peakstream

SECONDS, FRAME_SAMPLES, TIMED, UNTIMED = 120.0, 160, 100, 20


class Feed:
    """A recording as a carrier sends it, over and over."""

    def __init__(self, engine, codec, frames):
        self.engine, self.codec, self.frames = engine, codec, frames
        self.open()

    def open(self):
        self.call, self.next = self.engine.open(self.codec, 8000, seconds=SECONDS), 0

    def batch(self):
        if self.next + UNTIMED + TIMED > len(self.frames):
            self.open()
        begin, self.next = self.next + UNTIMED, self.next + UNTIMED + TIMED
        call, timed = self.call, self.frames[begin : self.next]
        for frame in self.frames[begin - UNTIMED : begin]:
            call.push(frame)
        begun = time.perf_counter_ns()
        for frame in timed:
            call.push(frame)
        return (time.perf_counter_ns() - begun) / TIMED


def main(models, recording):
    engine = peakstream.Engine(models)
    samples = peakstream.load_audio(recording)[0]
    starts = range(0, len(samples) - FRAME_SAMPLES + 1, FRAME_SAMPLES)
    mulaw = peakstream.encode(samples, "mulaw")
    feeds = {
        "mulaw": Feed(engine, "mulaw", [mulaw[at : at + FRAME_SAMPLES] for at in starts]),
        "pcm": Feed(engine, "pcm", [numpy.array(samples[at : at + FRAME_SAMPLES]) for at in starts]),
        "nothing": Feed(engine, "mulaw", [b""] * len(starts)),
    }
    for line in sys.stdin:
        print(f"{feeds[line.strip()].batch():.1f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
