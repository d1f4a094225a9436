"""As bindings/common/examples/push.rs: push.py MODELS RECORDING ROUNDS."""

import sys
import time

import peakstream

SECONDS, FRAME = 120.0, 160


def main(models, recording, rounds):
    engine = peakstream.Engine(models)
    data = peakstream.encode(peakstream.load_audio(recording)[0], "mulaw")
    frames = [data[at : at + FRAME] for at in range(0, len(data) - FRAME + 1, FRAME)]
    for _ in range(int(rounds)):
        with engine.open("mulaw", 8000, seconds=SECONDS) as call:
            begun = time.perf_counter_ns()
            for frame in frames:
                call.push(frame)
            print(f"{(time.perf_counter_ns() - begun) / len(frames):.0f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
