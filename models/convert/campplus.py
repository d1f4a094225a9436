"""CAM++ speaker embedding: PyTorch checkpoint and our delta in, ONNX graph out, without PyTorch.

The graph takes `features` [1, T, 80] (log-mel features, each bin's mean over the T frames already subtracted) and
gives `embedding` [1, 192] (not length-normalised); T is symbolic and at least 3.

Two things differ from a plain export, both for speed and neither for the result:

* every batch normalisation that follows a convolution is folded into it (the 55 that follow a concatenation cannot be);
* the context-aware gate is constant within a segment of 100 frames, so it is computed once per segment and spread over
  the frames by one Gather, instead of being computed for every frame (a quarter of ONNX Runtime's time); the means it
  starts from are one product with a small matrix (pooling in "ceil mode" is defined differently by every runtime).

The delta (models/adaptation, for the telephone band) only changes numbers: the graph and its cost stay the same.

Everything that depends on T goes through Shape of one tensor, so it folds to constants as soon as T is known.
Same checkpoint, same bytes out: nothing here depends on the clock, the machine or the order of a hash table.
"""

import argparse
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import torch_checkpoint

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from reference import tensors as safetensors  # noqa: E402

EPSILON = 1e-5  # of every batch normalisation in the published model
SEGMENT = 100  # frames per segment of the context-aware mask, at half the frame rate
BLOCKS = ((12, 1), (24, 2), (16, 2))  # (layers, dilation) of the three dense blocks
OPSET = 17  # the last in which ReduceMean takes its axes as an attribute, which every runtime folds
IR_VERSION = 8
LAST_NORM = "xvector.dense.nonlinear.batchnorm"  # published without weight and bias, which a delta may give it


class Graph:
    """Collects nodes and weights; each method adds one operation and returns the name of its output."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.unused = {name for name in tensors if not name.endswith("num_batches_tracked")}
        self.nodes = []
        self.weights = []

    def take(self, name):
        self.unused.discard(name)
        return self.tensors[name]

    def constant(self, name, values, dtype=np.float32):
        self.weights.append(numpy_helper.from_array(np.array(values, dtype=dtype, order="C"), name))
        return name

    def op(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def scale_and_shift(self, norm):
        """The batch normalisation `norm` as y = scale * x + shift, in f64."""
        variance = self.take(f"{norm}.running_var").astype(np.float64)
        mean = self.take(f"{norm}.running_mean").astype(np.float64)
        scale = 1.0 / np.sqrt(variance + EPSILON)
        if f"{norm}.weight" in self.tensors:  # the last one has neither weight nor bias
            scale = scale * self.take(f"{norm}.weight").astype(np.float64)
            return scale, self.take(f"{norm}.bias").astype(np.float64) - mean * scale
        return scale, -mean * scale

    def conv(self, x, layer, name, norm=None, **attributes):
        """Convolution `layer`, with its own bias or with the batch normalisation `norm` folded in."""
        weight = self.take(f"{layer}.weight")
        inputs = [x, f"{name}.weight"]
        if norm:
            scale, shift = self.scale_and_shift(norm)
            weight = weight.astype(np.float64) * scale.reshape((-1,) + (1,) * (weight.ndim - 1))
            inputs.append(self.constant(f"{name}.bias", shift))
        elif f"{layer}.bias" in self.tensors:
            inputs.append(self.constant(f"{name}.bias", self.take(f"{layer}.bias")))
        self.constant(f"{name}.weight", weight)
        return self.op("Conv", inputs, name, kernel_shape=list(weight.shape[2:]), **attributes)

    def norm_relu(self, x, norm, name):
        """A batch normalisation that stands before its convolution, and ReLU."""
        inputs = [x]
        for part in ("weight", "bias", "running_mean", "running_var"):
            inputs.append(self.constant(f"{name}.norm.{part}", self.take(f"{norm}.{part}")))
        return self.relu(self.op("BatchNormalization", inputs, f"{name}.norm", epsilon=EPSILON), name)

    def relu(self, x, name):
        return self.op("Relu", [x], f"{name}.relu")


def residual_block(g, x, block, stride):
    """Two 3x3 convolutions beside a shortcut; only the frequency axis is ever strided."""
    p = f"head.{block}"
    a = g.relu(g.conv(x, f"{p}.conv1", f"{p}.a", norm=f"{p}.bn1", strides=[stride, 1], pads=[1, 1, 1, 1]), f"{p}.a")
    b = g.conv(a, f"{p}.conv2", f"{p}.b", norm=f"{p}.bn2", strides=[1, 1], pads=[1, 1, 1, 1])
    shortcut = x
    if stride != 1:
        shortcut = g.conv(x, f"{p}.shortcut.0", f"{p}.s", norm=f"{p}.shortcut.1", strides=[stride, 1])
    return g.relu(g.op("Add", [b, shortcut], f"{p}.sum"), p)


def head(g, features):
    """[1, T, 80] -> [1, 320, T]: a small residual network over frequency and time."""
    x = g.op("Transpose", [features], "bins_by_frames", perm=[0, 2, 1])
    x = g.op("Unsqueeze", [x, g.constant("channel_axis", [1], np.int64)], "image")
    x = g.relu(g.conv(x, "head.conv1", "head.conv1", norm="head.bn1", pads=[1, 1, 1, 1]), "head.conv1")
    for block, stride in (("layer1.0", 2), ("layer1.1", 1), ("layer2.0", 2), ("layer2.1", 1)):
        x = residual_block(g, x, block, stride)
    x = g.relu(g.conv(x, "head.conv2", "head.conv2", norm="head.bn2", strides=[2, 1], pads=[1, 1, 1, 1]), "head.conv2")
    return g.op("Reshape", [x, g.constant("channels_times_bins", [1, 320, -1], np.int64)], "flat")


class GatePerSegment:
    """The context-aware gates of a graph, each computed once per segment of 100 frames."""

    def __init__(self, g, x):
        self.segment, self.averaging, self.frames_less_one = segments_of(g, x)

    def context(self, g, h, p):
        """What a gate looks at: [1, C, segments]."""
        return g.op("MatMul", [h, self.averaging], f"{p}.context")

    def mask(self, g, gate, p):
        return g.op("Gather", [gate, self.segment], f"{p}.mask", axis=2)


class GatePerFrame(GatePerSegment):
    """The same as a plain export of the published PyTorch code has it: for every frame. Only for comparison (`make bench`)."""

    def context(self, g, h, p):
        mean = g.op("ReduceMean", [h], f"{p}.mean", axes=[2], keepdims=1)
        size = {"kernel_shape": [SEGMENT], "strides": [SEGMENT], "ceil_mode": 1, "count_include_pad": 0}
        pooled = g.op("AveragePool", [h], f"{p}.pooled", **size)
        column = g.op("Unsqueeze", [pooled, g.constant(f"{p}.last_axis", [3], np.int64)], f"{p}.column")
        spread = g.op("Expand", [column, g.constant(f"{p}.spread_shape", [1, 1, 1, SEGMENT], np.int64)], f"{p}.spread")
        flat = g.op("Reshape", [spread, g.constant(f"{p}.flat_shape", [1, 128, -1], np.int64)], f"{p}.flat")
        frames = g.op("Shape", [h], f"{p}.frames", start=2)
        begin, axis = g.constant(f"{p}.begin", [0], np.int64), g.constant(f"{p}.axis", [2], np.int64)
        own = g.op("Slice", [flat, begin, frames, axis], f"{p}.own")
        return g.op("Add", [own, mean], f"{p}.context")

    def mask(self, g, gate, p):
        return gate


def segments_of(g, x):
    """What depends on the number of frames T' of `x` [1, C, T'] alone, and so folds to constants when T' is known.

    Returns the segment of every frame, floor(t / 100), as indices [T'];
    the context's averaging matrix [T', segments]: x @ matrix = mean of the frame's segment + mean of all frames (the
    last, shorter segment divided by the frames it really has);
    and T' - 1 as f32.
    """
    zero, one = g.constant("zero", 0, np.int64), g.constant("one", 1, np.int64)
    frames = g.op("Gather", [g.op("Shape", [x], "shape"), g.constant("time_axis", 2, np.int64)], "frames", axis=0)
    size = g.constant("segment_frames", SEGMENT, np.int64)
    segment = g.op("Div", [g.op("Range", [zero, frames, one], "frame_index"), size], "segment_of_frame")

    last = g.op("Div", [g.op("Sub", [frames, one], "last_frame"), size], "last_segment")
    numbers = g.op("Range", [zero, g.op("Add", [last, one], "segment_count"), one], "segment_numbers")
    column = g.op("Unsqueeze", [segment, g.constant("second_axis", [1], np.int64)], "segment_column")
    member = g.op("Cast", [g.op("Equal", [column, numbers], "is_member")], "member", to=TensorProto.FLOAT)
    sizes = g.op("ReduceSum", [member, g.constant("first_axis", [0], np.int64)], "segment_sizes", keepdims=1)
    count = g.op("Cast", [frames], "frames_f32", to=TensorProto.FLOAT)
    one_f32 = g.constant("one_f32", 1.0)
    averaging = g.op(
        "Add", [g.op("Div", [member, sizes], "of_segment"), g.op("Div", [one_f32, count], "of_all")], "averaging"
    )
    return segment, averaging, g.op("Sub", [count, one_f32], "frames_less_one")


def dense_layer(g, x, p, dilation, gates):
    """One densely connected layer: local convolution times context-aware mask, appended to its input's channels."""
    h = g.norm_relu(x, f"{p}.nonlinear1.batchnorm", f"{p}.in")
    h = g.relu(g.conv(h, f"{p}.linear1", f"{p}.bottleneck", norm=f"{p}.nonlinear2.batchnorm"), f"{p}.bottleneck")
    local = g.conv(h, f"{p}.cam_layer.linear_local", f"{p}.local", dilations=[dilation], pads=[dilation, dilation])

    gate = g.relu(g.conv(gates.context(g, h, p), f"{p}.cam_layer.linear1", f"{p}.gate1"), f"{p}.gate1")
    gate = g.op("Sigmoid", [g.conv(gate, f"{p}.cam_layer.linear2", f"{p}.gate2")], f"{p}.gate")
    masked = g.op("Mul", [local, gates.mask(g, gate, p)], f"{p}.masked")
    return g.op("Concat", [x, masked], f"{p}.out", axis=1)


def pooling(g, x, frames_less_one):
    """Mean and unbiased standard deviation over time, [1, 512, T'] -> [1, 1024, 1]."""
    mean = g.op("ReduceMean", [x], "pool.mean", axes=[2], keepdims=1)
    centred = g.op("Sub", [x, mean], "pool.centred")
    squares = g.op("Mul", [centred, centred], "pool.squares")
    total = g.op("ReduceSum", [squares, g.constant("pool_axis", [2], np.int64)], "pool.sum", keepdims=1)
    deviation = g.op("Sqrt", [g.op("Div", [total, frames_less_one], "pool.variance")], "pool.deviation")
    return g.op("Concat", [mean, deviation], "pool.statistics", axis=1)


def adapted(tensors, delta):
    """The checkpoint with the delta added: arrays of the tensors' own shapes, or NAME.left and NAME.right, whose product is
    added to NAME. Summed one rank after the other in f64, because a library's product may differ by machine."""
    size = len(tensors[f"{LAST_NORM}.running_mean"])
    out = {**tensors, f"{LAST_NORM}.weight": np.ones(size, np.float32), f"{LAST_NORM}.bias": np.zeros(size, np.float32)}
    for part, values in delta.items():
        name = part.removesuffix(".left")
        if part.endswith(".right"):
            continue
        if name not in out:
            raise SystemExit(f"campplus: the delta changes {name}, which the checkpoint does not hold")
        total = out[name].astype(np.float64)
        if part == name:
            total = total + values
        else:
            left, right = values.astype(np.float64), delta[f"{name}.right"].astype(np.float64)
            for rank in range(len(right)):
                total = total + (left[:, rank, None] * right[rank]).reshape(total.shape)
        out[name] = total.astype(np.float32)
    return out


def build(tensors, gates_of=GatePerSegment):
    """The whole network as an ONNX model; refuses a checkpoint that holds weights it has no place for."""
    g = Graph(tensors)
    x = head(g, "features")
    x = g.conv(x, "xvector.tdnn.linear", "tdnn", norm="xvector.tdnn.nonlinear.batchnorm", strides=[2], pads=[2, 2])
    x = g.relu(x, "tdnn")
    gates = gates_of(g, x)
    for number, (layers, dilation) in enumerate(BLOCKS, start=1):
        for layer in range(1, layers + 1):
            x = dense_layer(g, x, f"xvector.block{number}.tdnnd{layer}", dilation, gates)
        transit = f"xvector.transit{number}"
        x = g.norm_relu(x, f"{transit}.nonlinear.batchnorm", f"{transit}.in")
        last = "xvector.out_nonlinear.batchnorm" if number == len(BLOCKS) else None
        x = g.conv(x, f"{transit}.linear", transit, norm=last)
    x = g.relu(x, "out")
    x = g.conv(pooling(g, x, gates.frames_less_one), "xvector.dense.linear", "dense", norm="xvector.dense.nonlinear.batchnorm")
    g.op("Reshape", [x, g.constant("embedding_shape", [1, 192], np.int64)], "embedding")
    if g.unused:
        raise SystemExit(f"campplus: the checkpoint holds {len(g.unused)} tensors of another network, e.g. {sorted(g.unused)[0]}")

    graph = helper.make_graph(
        g.nodes,
        "campplus",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, "T", 80])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 192])],
        g.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name = "peakstream"
    onnx.checker.check_model(model)
    return model


def main():
    parser = argparse.ArgumentParser(description="Converts the published CAM++ checkpoint to ONNX (no torch needed).")
    parser.add_argument("checkpoint", type=pathlib.Path, help="campplus_cn_en_common.pt")
    parser.add_argument("output", type=pathlib.Path, help="the .onnx file to write")
    parser.add_argument("--delta", type=pathlib.Path, metavar="FILE", help="safetensors to add; without it, the network as published")
    parser.add_argument("--plain", action="store_true", help="gates for every frame, as a plain export has them: slower, for comparison")
    arguments = parser.parse_args()
    try:
        tensors = torch_checkpoint.read(arguments.checkpoint.read_bytes())
    except torch_checkpoint.RefusedPickle as refusal:
        sys.exit(f"campplus: {refusal}")
    if arguments.delta:
        tensors = adapted(tensors, safetensors.load(arguments.delta.read_bytes()))
    gates_of = GatePerFrame if arguments.plain else GatePerSegment
    arguments.output.write_bytes(build(tensors, gates_of).SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
