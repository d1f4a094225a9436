"""The committed model keeps its contract: graph, golden vectors, the evaluation's front end. Needs numpy, scipy, onnx, onnxruntime; no torch, no audio.

    python -m unittest test_authenticity        in models/authenticity
"""

import hashlib
import json
import pathlib
import sys
import unittest

import numpy as np
import onnx
import onnxruntime

import evaluation
import frontend
import measures

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from golden import signals  # noqa: E402

SAW = {"samples": 24176, "terms": [{"kind": "harmonics", "amplitude": 0.9, "hz": 140, "weights": [0.3, 0.15, 0.1]}]}
PLAIN = {"Sub", "Mul", "Clip", "Gemm", "Relu"}


class TheModelKeepsItsContract(unittest.TestCase):
    def setUp(self):
        self.bytes = (HERE / "authenticity.onnx").read_bytes()
        self.record = json.loads((HERE / "authenticity.json").read_text())

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
        import layers
        import make_golden

        session = onnxruntime.InferenceSession(self.bytes, providers=["CPUExecutionProvider"])
        for case in json.loads(make_golden.FILE.read_text())["cases"]:
            heard = make_golden.heard(case["name"])
            self.assertEqual(heard.shape, (layers.SIZE,))
            logit = session.run(None, {"heard": heard[None].astype(np.float32)})[0].item()
            self.assertAlmostEqual(logit, case["logit"], delta=case["tolerance"])


class TheEvaluationCounts(unittest.TestCase):
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
