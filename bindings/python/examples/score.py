"""Whether two recordings are of one person: score.py ONE OTHER."""

import sys

import peakstream

engine = peakstream.Engine()
registered = engine.register(sys.argv[1])
verified = engine.verify(registered.credential, sys.argv[2])
print(f"score {verified.score:.3f} (from {engine.calibration().threshold('far=1%'):.3f}), {verified.net_speech:.1f} s of speech")
