"""A table of a folder's calls, as CSV: folder.py FOLDER > calls.csv

Each recording's speech, quality, authenticity, and which other one is most alike.
"""

from __future__ import annotations

import csv
import pathlib
import sys

import peakstream


def main(folder: pathlib.Path) -> None:
    engine = peakstream.Engine()
    table = csv.writer(sys.stdout)
    table.writerow(["recording", "net_speech", "snr", "authenticity", "warnings", "most_alike", "score"])
    credentials: dict[str, peakstream.Credential] = {}
    voices: dict[str, peakstream.Registration] = {}
    for file in sorted(folder.glob("*.wav")):
        try:
            voices[file.name] = engine.register(file)
        except peakstream.Error as error:
            table.writerow([file.name, "", "", "", error.reason, "", ""])
            continue
        credentials[file.name] = voices[file.name].credential
    for name, voice in voices.items():
        speech = engine.speech(folder / name)
        others = {other: credential for other, credential in credentials.items() if other != name}
        alike, score = engine.identify(others, speech)[0] if others else ("", 0.0)
        warnings = " ".join(warning.gate for warning in voice.warnings)
        snr = engine.quality(speech).signal_noise_ratio
        table.writerow(
            [name, f"{voice.net_speech:.2f}", f"{snr:.1f}", f"{voice.authenticity:.3f}", warnings, alike, f"{score:.3f}"]
        )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
