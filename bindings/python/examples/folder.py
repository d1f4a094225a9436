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
    heard: dict[str, tuple[peakstream.Speech, peakstream.Registration]] = {}
    for file in sorted(folder.glob("*.wav")):
        try:
            # Listened to once; everything else is asked of its speech.
            speech = engine.speech(file)
            heard[file.name] = speech, engine.register(speech)
        except peakstream.Error as error:
            table.writerow([file.name, "", "", "", error.reason, "", ""])
    for name, (speech, voice) in heard.items():
        alike, score = "", 0.0
        for other, (_, registered) in heard.items():
            if other != name and (compared := engine.compare(voice.credential, registered.credential)) > score:
                alike, score = other, compared
        warnings = " ".join(warning.gate for warning in voice.warnings)
        snr = engine.quality(speech).signal_noise_ratio
        table.writerow(
            [name, f"{voice.net_speech:.2f}", f"{snr:.1f}", f"{voice.authenticity:.3f}", warnings, alike, f"{score:.3f}"]
        )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
