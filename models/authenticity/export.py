"""Writes both members as plain ONNX without torch's exporter: Conv, Relu, Tanh, Softmax, Mul, ReduceSum, Sub, Sqrt, Clip, Gemm.

    python export.py       the final runs of small.log.1 and branch -> authenticity.onnx; checked against torch and numpy

`features` [1, 300, 112] gives `logit`, `heard` [1, SIZE of layers.py] gives `branch_logit`; the two have nothing in common.
"""

import sys

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

import branch
import frontend
import layers
import network
import paths
import scores

OPSET = 13
FILE = paths.HERE / "authenticity.onnx"
MEMBER = "small.log.1"


def _folded(convolution, norm):
    """Weights and bias of a convolution with the batch normalisation after it folded in."""
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = convolution.weight * gain[:, None, None, None]
    return weight.detach().double().numpy(), (norm.bias - norm.running_mean * gain).detach().double().numpy()


class _Graph:
    """Nodes and weights of an ONNX graph in the order they are added."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, name, values, kind=np.float32):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values, kind), name))
        return name

    def add(self, operator, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def convolution(self, x, name, weight, bias, stride=(1, 1), pad=0, relu=True):
        inputs = [x, self.weight(name + ".weight", weight), self.weight(name + ".bias", bias)]
        out = self.add(
            "Conv", inputs, name, kernel_shape=weight.shape[2:], strides=stride, pads=[pad] * 4, dilations=[1, 1], group=1
        )  # fmt: skip
        return self.add("Relu", [out], name + ".relu") if relu else out


def to_onnx(model, branch_model):
    """An ONNX model of a Countermeasure in evaluation mode, and of the branch beside it."""
    g = _Graph()
    _add_convolutions(g, model)
    _add_branch(g, branch_model)
    value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    inputs = [value("features", 1, frontend.WINDOW_FRAMES, frontend.BINS), value("heard", 1, layers.SIZE)]
    graph = helper.make_graph(
        g.nodes, "peakstream-authenticity", inputs, [value("logit", 1, 1), value("branch_logit", 1, 1)], g.weights
    )  # fmt: skip
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="peakstream")
    built.ir_version = 8
    onnx.checker.check_model(built, full_check=True)
    return built


def _add_branch(g, model):
    x = g.add("Sub", ["heard", g.weight("branch.mean", model["mean"])], "branch.centred")
    x = g.add("Mul", [x, g.weight("branch.scale", model["scale"])], "branch.scaled")
    furthest = [g.weight(f"branch.{side}", np.float32(value)) for side, value in (("least", -branch.FURTHEST), ("most", branch.FURTHEST))]
    x = g.add("Clip", [x, *furthest], "branch.clipped")
    for layer, output in (("hidden", "branch.sums"), ("output", "branch_logit")):
        inputs = [x, *(g.weight(f"branch.{layer}.{part}", model[f"{layer}.{part}"]) for part in ("weight", "bias"))]
        x = g.add("Gemm", inputs, output, transB=1)
        if layer == "hidden":
            x = g.add("Relu", [x], "branch.hidden")


def _add_convolutions(g, model):
    shape = g.weight("image_shape", [1, 1, frontend.WINDOW_FRAMES, frontend.BINS], np.int64)
    x = g.add("Reshape", ["features", shape], "image")
    layers = list(model.convolutions)
    for i, (_, time, frequency) in enumerate(model.layers):
        weight, bias = _folded(layers[3 * i], layers[3 * i + 1])
        if i == 0:
            weight = weight * 0.33  # the input scale of Countermeasure.forward
        x = g.convolution(x, f"conv{i}", weight, bias, (time, frequency), 1)
    weight, bias = _folded(model.project[0], model.project[1])
    x = g.convolution(x, "project", weight, bias)
    first, _, second = model.attention
    array = lambda tensor: tensor.detach().double().numpy()
    hidden = g.convolution(x, "attention0", array(first.weight), array(first.bias), relu=False)
    scores = g.convolution(g.add("Tanh", [hidden], "attention_tanh"), "attention1", array(second.weight), array(second.bias), relu=False)
    steps = frontend.WINDOW_FRAMES
    for _, time, _ in model.layers:
        steps = (steps - 1) // time + 1
    flat = g.weight("series_shape", [1, network.EMBEDDING, steps], np.int64)
    series = g.add("Reshape", [x, flat], "series")
    share = g.add("Softmax", [g.add("Reshape", [scores, flat], "attention_series")], "share", axis=2)
    axis = g.weight("time_axis", [2], np.int64)
    weighted = g.add("Mul", [series, share], "weighted")
    mean = g.add("ReduceSum", [weighted, axis], "mean", keepdims=0)
    square = g.add("ReduceSum", [g.add("Mul", [weighted, series], "weighted_square"), axis], "square", keepdims=0)
    variance = g.add("Relu", [g.add("Sub", [square, g.add("Mul", [mean, mean], "mean_square")], "variance")], "variance_positive")
    deviation = g.add("Sqrt", [g.add("Add", [variance, g.weight("tiny", [1e-5])], "variance_raised")], "deviation")
    statistics = g.add("Concat", [mean, deviation], "statistics", axis=1)
    weight, bias = g.weight("output.weight", array(model.output.weight)), g.weight("output.bias", array(model.output.bias))
    g.add("Gemm", [statistics, weight, bias], "logit", transB=1)


def session(model_bytes):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])


def run(loaded, features=None, heard=None):
    """(logit, branch_logit) by ONNX Runtime; what is not given counts as zeros and its logit means nothing."""
    features = np.zeros((frontend.WINDOW_FRAMES, frontend.BINS)) if features is None else features
    heard = np.zeros(layers.SIZE) if heard is None else heard
    inputs = {"features": features[None].astype(np.float32), "heard": heard[None].astype(np.float32)}
    return tuple(float(value.item()) for value in loaded.run(["logit", "branch_logit"], inputs))


def main():
    model, _ = scores.load(paths.CACHE / "runs" / f"final.{MEMBER}" / "model.pt")
    with np.load(paths.CACHE / "runs" / "final.branch" / "model.npz") as stored:
        branch_model = dict(stored)
    built = to_onnx(model, branch_model).SerializeToString()
    loaded, worst = session(built), 0.0
    for trial in range(10):
        rng = np.random.default_rng(trial)
        features = rng.normal(0, 3, (frontend.WINDOW_FRAMES, frontend.BINS)).astype(np.float32)
        heard = (branch_model["mean"] + rng.normal(0, 1, layers.SIZE) / branch_model["scale"]).astype(np.float32)
        with torch.no_grad():
            expected = model(torch.from_numpy(features[None, None])).item(), branch.logits(branch_model, heard[None])[0]
        worst = max(worst, np.abs(np.subtract(run(loaded, features, heard), expected)).max())
    if worst > 1e-3:
        sys.exit(f"the exported graph differs from torch and numpy by {worst}")
    FILE.write_bytes(built)
    print(f"authenticity.onnx: {len(built)} bytes, differs from torch and numpy by at most {worst:.1e}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
