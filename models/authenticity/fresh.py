"""The final model on espeak-ng calls spoken for this test: unmodified voices, new sentences, at least 10 s of net speech.

    python fresh.py        .cache/fresh.csv: voice, frames, logit
"""

import csv

import numpy as np
import torch

import augment
import calls
import data
import export
import paths
import scores
import tts

FILE = paths.CACHE / "fresh.csv"
VOICES = {"en-us": "en", "en-gb": "en", "de": "de", "es": "es", "fr-fr": "fr", "it": "it", "en-us+m3": "en", "en-us+f2": "en"}
CALLS = 4


def main():
    model = export.load("final")
    with open(FILE, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["voice", "frames", "logit"])
        for voice, language in VOICES.items():
            for number in range(CALLS):
                texts = tts.sentences(language, f"fresh {number}", 4)
                spoken = [data.narrow(*tts.espeak(voice, text), data.LEVEL) for text in texts]
                kept = calls.heard(augment.telephone(np.concatenate(spoken) / 32768, "mu" if number % 2 else "a"))
                table.writerow([voice, len(kept), f"{scores.score(model, kept):.5f}"])
    print("fresh espeak calls scored")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
