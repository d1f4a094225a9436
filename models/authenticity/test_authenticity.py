"""The committed model keeps its contract: graph, golden vectors, front end. Needs numpy, onnx, onnxruntime; no torch, no audio.

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

import frontend

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from golden import signals  # noqa: E402

SAW = {"samples": 24176, "terms": [{"kind": "harmonics", "amplitude": 0.9, "hz": 140, "weights": [0.3, 0.15, 0.1]}]}
PLAIN = {"Conv", "Relu", "Tanh", "Softmax", "Mul", "ReduceSum", "Sub", "Add", "Sqrt", "Concat", "Gemm", "Reshape", "Clip"}


class TheModelKeepsItsContract(unittest.TestCase):
    def setUp(self):
        self.bytes = (HERE / "authenticity.onnx").read_bytes()
        self.record = json.loads((HERE / "authenticity.json").read_text())
        self.golden = json.loads((HERE / "golden.json").read_text())

    def test_the_record_names_this_file(self):
        self.assertEqual(self.record["sha224"], hashlib.sha224(self.bytes).hexdigest())
        self.assertLess(len(self.bytes), 5_000_000)
        for name in ("sample_rate", "frame", "hop", "first_bin", "bins", "window_frames", "log_floor", "floor_below_mean"):
            self.assertEqual(self.record[name], getattr(frontend, name.upper()), name)

    def test_the_graph_holds_only_plain_operators_and_fixed_shapes(self):
        model = onnx.load_model_from_string(self.bytes)
        self.assertLessEqual({node.op_type for node in model.graph.node}, PLAIN)
        shape = lambda value: [d.dim_value for d in value.type.tensor_type.shape.dim]
        self.assertEqual([shape(value) for value in model.graph.input], [[1, 300, 112], [1, 3712]])
        self.assertEqual([(value.name, shape(value)) for value in model.graph.output], [("logit", [1, 1]), ("branch_logit", [1, 1])])
        self.assertIn(model.opset_import[0].version, range(13, 18))

    def test_golden_vectors_reproduce(self):
        session = onnxruntime.InferenceSession(self.bytes, providers=["CPUExecutionProvider"])
        for case in self.golden["cases"]:
            rows = frontend.log_spectrum(signals.render(case, self.golden["sample_rate"]) / 32768)
            tolerance = case["tolerance"]
            self.assertEqual(rows.shape, (case["frames"], 112))
            np.testing.assert_allclose(rows[0], case["features_first_row"], atol=tolerance["features"])
            np.testing.assert_allclose(rows[-1], case["features_last_row"], atol=tolerance["features"])
            heard = np.zeros((1, 3712), np.float32)
            windows = frontend.windows(rows[:, None])
            logits = [session.run(["logit"], {"features": window, "heard": heard})[0].item() for window in windows]
            self.assertAlmostEqual(np.mean(logits), case["logit"], delta=tolerance["logit"])


class TheFrontEndIsTheContract(unittest.TestCase):
    def test_one_bin_of_one_frame_by_the_definition(self):
        x = signals.render(SAW, 8000) / 32768
        k, b = 17, 30
        i = np.arange(256)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * i / 255)
        value = np.sum(x[80 * k : 80 * k + 256] * window * np.exp(-2j * np.pi * (b + 4) * i / 256))
        self.assertAlmostEqual(frontend.log_spectrum(x)[k, b], np.log(max(abs(value) ** 2, 1e-10)), places=4)

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
