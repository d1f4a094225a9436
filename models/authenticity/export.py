"""Writes the network as plain ONNX without torch's exporter: Sub, Mul, Clip, Gemm, Relu.

    python export.py       the final run of branch.py -> authenticity.onnx; checked against numpy

Input `heard` [1, SIZE of layers.py], output `logit` [1, 1], positive for genuine speech.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import branch
import layers
import paths

OPSET = 13
FILE = paths.PRODUCTS / "authenticity.onnx"


def to_onnx(model):
    """An ONNX model of a trained branch."""
    weights, nodes = [], []

    def weight(name, values):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def add(operator, inputs, output, **attributes):
        nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    x = add("Sub", ["heard", weight("mean", model["mean"])], "centred")
    x = add("Mul", [x, weight("scale", model["scale"])], "scaled")
    x = add("Clip", [x, weight("least", np.float32(-branch.FURTHEST)), weight("most", np.float32(branch.FURTHEST))], "clipped")
    x = add("Gemm", [x, weight("hidden.weight", model["hidden.weight"]), weight("hidden.bias", model["hidden.bias"])], "sums", transB=1)
    x = add("Relu", [x], "hidden")
    add("Gemm", [x, weight("output.weight", model["output.weight"]), weight("output.bias", model["output.bias"])], "logit", transB=1)
    value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "peakstream-authenticity", [value("heard", 1, layers.SIZE)], [value("logit", 1, 1)], weights)
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="peakstream")
    built.ir_version = 8
    onnx.checker.check_model(built, full_check=True)
    return built


def session(model_bytes):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])


def run(loaded, heard):
    """The logit of a vector by ONNX Runtime."""
    return float(loaded.run(["logit"], {"heard": heard[None].astype(np.float32)})[0].item())


def main():
    with np.load(branch.RUNS / "final.branch" / "model.npz") as stored:
        model = dict(stored)
    built = to_onnx(model).SerializeToString()
    loaded, worst = session(built), 0.0
    for trial in range(10):
        heard = (model["mean"] + np.random.default_rng(trial).normal(0, 1, layers.SIZE) / model["scale"]).astype(np.float32)
        worst = max(worst, abs(run(loaded, heard) - branch.logits(model, heard[None])[0]))
    if worst > 1e-3:
        sys.exit(f"the exported graph differs from numpy by {worst}")
    FILE.write_bytes(built)
    print(f"authenticity.onnx: {len(built)} bytes, differs from numpy by at most {worst:.1e}")


if __name__ == "__main__":
    main()
