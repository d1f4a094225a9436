"""The committed model keeps its contract: graph, golden vectors, the evaluation's front end. Needs numpy, scipy, onnx, onnxruntime; no torch, no audio.

    python -m unittest test_authenticity        in models/authenticity
"""

import functools
import hashlib
import json
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

import numpy as np
import onnx
import onnxruntime

import evaluation
import frontend
import measures
import paths
import work

sys.path.insert(0, str(paths.HERE.parent))
from golden import signals  # noqa: E402

SAW = {"samples": 24176, "terms": [{"kind": "harmonics", "amplitude": 0.9, "hz": 140, "weights": [0.3, 0.15, 0.1]}]}
PLAIN = {"Sub", "Mul", "Clip", "Gemm", "Relu"}


class TheModelKeepsItsContract(unittest.TestCase):
    def setUp(self):
        self.bytes = (paths.PRODUCTS / "authenticity.onnx").read_bytes()
        self.record = json.loads((paths.PRODUCTS / "authenticity.json").read_text())

    def test_the_record_names_this_file(self):
        self.assertEqual(self.record["sha224"], hashlib.sha224(self.bytes).hexdigest())
        self.assertLess(len(self.bytes), 5_000_000)

    def test_the_graph_holds_only_plain_operators_and_fixed_shapes(self):
        model = onnx.load_model_from_string(self.bytes)
        self.assertLessEqual({node.op_type for node in model.graph.node}, PLAIN)
        shape = lambda value: [d.dim_value for d in value.type.tensor_type.shape.dim]
        self.assertEqual(shape(model.graph.input[0]), self.record["input"]["shape"])
        self.assertEqual(shape(model.graph.output[0]), [1, 1])
        self.assertIn(model.opset_import[0].version, range(13, 18))

    def test_golden_vectors_reproduce(self):
        import calibrate
        import layers
        import make_golden

        session = onnxruntime.InferenceSession(self.bytes, providers=["CPUExecutionProvider"])
        for case in json.loads(make_golden.FILE.read_text())["cases"]:
            heard = make_golden.heard(case["name"])
            self.assertEqual(heard.shape, (layers.SIZE,))
            logit = session.run(None, {"heard": heard[None].astype(np.float32)})[0].item()
            self.assertAlmostEqual(logit, case["logit"], delta=case["tolerance"])
            llr = calibrate.read().llr(np.array([logit]))
            self.assertAlmostEqual(llr, case["llr"], delta=case["tolerance"])


class WorkIsDoneOnce(unittest.TestCase):
    def test_pieces_leave_files_or_nothing_and_what_is_not_worth_keeping_is_counted(self):
        with tempfile.TemporaryDirectory() as folder:
            paths_of = [pathlib.Path(folder) / "deep" / f"{number}.npz" for number in range(9)]
            make = lambda number: {"square": np.array(number**2)} if number % 3 else None
            left_out = work.do("squares", [(path, functools.partial(make, number)) for number, path in enumerate(paths_of)])
            self.assertEqual(left_out, 3)
            self.assertEqual([path.exists() for path in paths_of], [bool(number % 3) for number in range(9)])
            self.assertEqual(np.load(paths_of[7])["square"], 49)
            self.assertFalse(list(pathlib.Path(folder).rglob("*.tmp*")))

    def test_a_piece_that_fails_ends_the_work_and_leaves_no_half_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "one.npz"
            with self.assertRaises(ZeroDivisionError):
                work.do("failure", [(path, lambda: {"value": np.array(1 // 0)})])
            self.assertFalse(list(pathlib.Path(folder).iterdir()))

    def test_two_pieces_for_one_file_are_a_mistake(self):
        with self.assertRaises(ValueError):
            work.do("twice", [(pathlib.Path("same.npz"), dict), (pathlib.Path("same.npz"), dict)])

    def test_the_number_of_processes_is_a_number(self):
        with unittest.mock.patch.dict("os.environ", PEAKSTREAM_JOBS="3"):
            self.assertEqual(work.processes(), 3)
        for wrong in ("0", "two", "-1"):
            with unittest.mock.patch.dict("os.environ", PEAKSTREAM_JOBS=wrong), self.assertRaises(SystemExit):
                work.processes()


class TheEvaluationCounts(unittest.TestCase):
    def test_a_calibration_is_found_again_from_scores_that_follow_it(self):
        rng = np.random.default_rng(2)
        true = measures.Calibration((0.5,), 1.0, 0.1)
        logits = rng.normal(3, 4, 40_000)
        # Whoever leaves no trace sounds like genuine speech; of the others, the higher the logit the rarer an attack.
        attack = rng.random(len(logits)) > 1 / (1 + np.exp(-true.llr(logits[:, None])))
        weights = np.where(attack, 0.5 / attack.mean(), 0.5 / (1 - attack.mean()))
        found = measures.fit(logits[:, None], 1.0 - attack, weights)
        shift = np.log((1 - attack.mean()) / attack.mean())  # both classes weigh the same, whatever was drawn
        apart = found.llr(logits[:, None]) - (true.llr(logits[:, None]) - shift)
        self.assertLess(np.abs(apart).mean(), 0.1)

    def test_evidence_for_a_voice_is_bounded_and_evidence_against_it_is_not(self):
        calibration = measures.Calibration((1.0,), 0.0, 0.1)
        llr = calibration.llr(np.array([[-800.0], [0.0], [800.0]]))
        self.assertTrue(np.isfinite(llr).all())
        self.assertLess(llr[0], -700)
        self.assertAlmostEqual(llr[1], 0.0)
        self.assertAlmostEqual(llr[2], -np.log(0.1))

    def test_the_best_monotone_calibration_is_never_worse_and_knows_what_is_apart(self):
        rng = np.random.default_rng(1)
        labels = (np.arange(400) % 2).astype(float)
        llr, weights = rng.normal(2 * labels - 1, 1.5), np.ones(400) / 400
        self.assertLessEqual(measures.least_cross_entropy(llr, labels, weights), measures.cross_entropy(llr, labels, weights))
        self.assertAlmostEqual(measures.least_cross_entropy(labels, labels, weights), 0)

    def test_a_table_of_scores_is_the_same_bytes_again(self):
        found = []
        for _ in range(2):
            evaluation.write("test", ("a", "b"), [(1, "x"), (2, "y")])
            path = evaluation.FOLDER / "test.csv.gz"
            found.append(path.read_bytes())
            self.assertEqual(evaluation.read_table("test"), [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}])
            path.unlink()
        self.assertEqual(*found)


class TheFrontEndIsTheContract(unittest.TestCase):
    def test_one_bin_of_one_frame_by_the_definition(self):
        x = signals.render(SAW, 8000) / 32768
        k, b = 17, 30
        i = np.arange(256)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * i / 255)
        value = np.sum(x[80 * k : 80 * k + 256] * window * np.exp(-2j * np.pi * (b + 4) * i / 256))
        self.assertAlmostEqual(frontend.log_spectrum(x)[k, b], np.log(max(abs(value) ** 2, 1e-10)), delta=2e-3)  # single precision

    def test_silence_lies_on_the_floor(self):
        self.assertTrue(np.allclose(frontend.log_spectrum(np.zeros(2560)), np.log(1e-10)))

    def test_windows_are_evenly_spaced_and_cover_both_ends(self):
        self.assertEqual(frontend.window_starts(300), [0])
        self.assertEqual(frontend.window_starts(301), [0, 1])
        self.assertEqual(frontend.window_starts(1000), [0, 233, 466, 700])

    def test_a_window_is_floored_then_made_mean_free(self):
        window = np.random.default_rng(0).normal(0, 1, (300, 112)).astype(np.float32)
        window[5, 7] = -90
        normal = frontend.normalise(window)
        self.assertLess(np.abs(normal.mean(0)).max(), 1e-5)
        self.assertGreater(normal[5, 7], -frontend.FLOOR_BELOW_MEAN - 1)

    def test_short_speech_is_repeated_from_the_start(self):
        frames = np.random.default_rng(0).normal(0, 1, (200, 1, 112)).astype(np.float32)
        once = frontend.windows(frames)
        twice = frontend.windows(np.concatenate([frames, frames[:100]]))
        np.testing.assert_array_equal(once, twice)


if __name__ == "__main__":
    unittest.main()
