"""Which layers of the speaker network bear rounding to bytes?

In: recorded clips (--data, by default ../shared/data). Out: a table of how far embeddings and authenticity logits move when the products of some
layers are rounded as the engine's int8 rounds them (core/src/simd/bytes.rs): weights to 255 steps a column, what enters to 256 steps
between zero and the largest of its row (the head: of its bin; what a convolution over time sees: of all). The rounding is simulated in
ONNX Runtime, so no machine needs the instructions.

    python3 models/study/precision.py [--clips 60]

Needs the packages of benches/requirements.txt and of models/requirements.txt; minutes, one thread.
"""

import argparse
import csv
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import soundfile
from onnx import TensorProto, helper, numpy_helper
from scipy import signal

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "models")]
from reference import chain, g711  # noqa: E402
from reference.runtime import log_mel  # noqa: E402

INSTALLED = ROOT / "models" / "installed"
# What authenticity listens to (core/src/model/campplus/heard.rs).
HEARD = ("head.layer2.1.relu", "flat", "tdnn.relu", "xvector.transit1", "xvector.transit2")
FRAMES = (98, 298)
LAYERS = {
    "3×3 convolutions of the head but the first": lambda name: name.startswith("head.") and name != "head.conv1",
    "convolution before the blocks": lambda name: name == "tdnn",
    "bottlenecks of the blocks": lambda name: name.endswith("bottleneck"),
    "convolutions of the blocks": lambda name: name.endswith("local"),
    "transits between the blocks": lambda name: "transit" in name,
}
LAYERS["**all of these: int8**"] = lambda name, parts=tuple(LAYERS.values()): any(part(name) for part in parts)
LAYERS["and the first convolution, which sees numbers below zero"] = lambda name, all_of=LAYERS["**all of these: int8**"]: all_of(name) or name == "head.conv1"


def session(rounded):
    """The network with the layers rounded of which `rounded` says so; embedding and what is heard."""
    model = onnx.load(INSTALLED / "campplus.onnx")
    graph = model.graph
    weights = {item.name: item for item in graph.initializer}
    nodes, bytes_of = [], {}

    def as_bytes(x, axes):
        """Simulates bytes of a tensor whose largest is taken over `axes`."""
        if x not in bytes_of:
            ops = [("ReduceMax", [f"abs.{x}"], f"most.{x}", {"axes": axes, "keepdims": 1}), ("Max", [f"most.{x}", "least"], f"range.{x}", {})]
            ops += [("Div", [f"range.{x}", "steps"], f"worth.{x}", {}), ("Div", [x, f"worth.{x}"], f"exact.{x}", {})]
            ops += [("Round", [f"exact.{x}"], f"step.{x}", {}), ("Mul", [f"step.{x}", f"worth.{x}"], f"bytes.{x}", {})]
            nodes.append(helper.make_node("Abs", [x], [f"abs.{x}"]))
            nodes.extend(helper.make_node(kind, inputs, [output], **attributes) for kind, inputs, output, attributes in ops)
            bytes_of[x] = f"bytes.{x}"
        return bytes_of[x]

    for name, value in (("steps", 255), ("least", 1e-20)):
        graph.initializer.append(numpy_helper.from_array(np.array(value, dtype=np.float32), name))
    for node in graph.node:
        if node.op_type == "Conv" and rounded(node.name):
            weight = numpy_helper.to_array(weights[node.input[1]]).astype(np.float64)
            worth = np.abs(weight).max(axis=tuple(range(1, weight.ndim)), keepdims=True) / 127
            weights[node.input[1]].CopyFrom(numpy_helper.from_array((np.rint(weight / worth) * worth).astype(np.float32), node.input[1]))
            over_time = node.name == "tdnn" or node.name.endswith("local")
            node.input[0] = as_bytes(node.input[0], [1, 3] if weight.ndim == 4 else [1, 2] if over_time else [1])
        elif node.op_type == "Add" and node.name.startswith("head."):
            node.input[:] = [bytes_of.get(x, x) for x in node.input]
        nodes.append(node)
    nodes = list(nodes)
    del graph.node[:]
    graph.node.extend(nodes)
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in HEARD)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def features(path):
    """Of a clip as a telephone call, every frame of it."""
    narrow = np.rint(signal.resample_poly(soundfile.read(path)[0], 1, 2) * 32768)
    call = g711.mu_law_decode(g711.mu_law_encode(np.clip(narrow, -32768, 32767).astype(np.int16)))
    return log_mel(chain.raise_to_16k(call))


def moments(layer):
    rows = layer[0].reshape(-1, layer.shape[-1]).astype(np.float64)
    return np.concatenate([rows.mean(axis=1), rows.std(axis=1, ddof=1)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--clips", type=int, default=60, help="how many recordings, drawn at random (default: 60)")
    arguments = parser.parse_args()
    with open(arguments.data / "manifest.csv", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    drawn = np.random.default_rng(1).permutation(len(paths))[: arguments.clips]
    rows = [features(arguments.data / paths[index]) for index in drawn]
    authenticity = onnxruntime.InferenceSession(str(INSTALLED / "authenticity.onnx"))

    def heard(network, rows):
        embedding, *layers = network.run(["embedding", *HEARD], {"features": (rows - rows.mean(axis=0))[None]})
        told = np.concatenate([moments(layer) for layer in layers]).astype(np.float32)
        return embedding[0].astype(np.float64), float(authenticity.run(None, {"heard": told[None]})[0].ravel()[0])

    print("| products in bytes | frames | clips | cosine distance: median | largest | logit: mean | largest change |\n|---|---|---|---|---|---|---|")
    exact = session(lambda name: False)
    for title, rounded in LAYERS.items():
        network = session(rounded)
        for frames in FRAMES:
            cut = [row[:frames] for row in rows if len(row) >= frames]
            pairs = [(heard(exact, row), heard(network, row)) for row in cut]
            distances = [1 - a @ b / np.sqrt((a @ a) * (b @ b)) for (a, _), (b, _) in pairs]
            moved = np.array([b - a for (_, a), (_, b) in pairs])
            figures = f"{np.median(distances):.5f} | {max(distances):.5f} | {moved.mean():+.2f} | {np.abs(moved).max():.2f}"
            print(f"| {title} | {frames} | {len(cut)} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
