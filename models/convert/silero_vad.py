"""Silero VAD: the published ONNX file in, the weights of its 16 kHz network out (safetensors, plain names).

The published file wraps two networks in an `If` on the sampling rate; the engine runs its own forward pass of the one
for 16 kHz, so it needs numbers, not a graph. The .safetensors file in the same wheel holds an older version's weights
and must not be used.
"""

import argparse
import pathlib
import sys

import onnx
from onnx import numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from reference import tensors  # noqa: E402

# published name (behind the branch's prefix) -> (our name, shape)
WEIGHTS = {"stft.forward_basis_buffer": ("stft.forward_basis_buffer", (258, 1, 256))}
for layer, shape in enumerate([(128, 129, 3), (64, 128, 3), (64, 64, 3), (128, 64, 3)]):
    WEIGHTS[f"encoder.{layer}.reparam_conv.weight"] = (f"encoder.{layer}.weight", shape)
    WEIGHTS[f"encoder.{layer}.reparam_conv.bias"] = (f"encoder.{layer}.bias", shape[:1])
for part in ("weight_ih", "weight_hh"):
    WEIGHTS[f"decoder.rnn.{part}"] = (f"lstm.{part}", (512, 128))
for part in ("bias_ih", "bias_hh"):
    WEIGHTS[f"decoder.rnn.{part}"] = (f"lstm.{part}", (512,))
WEIGHTS["decoder.decoder.2.weight"] = ("decoder.weight", (1, 128, 1))
WEIGHTS["decoder.decoder.2.bias"] = ("decoder.bias", (1,))


def published_tensors(model):
    """Every constant of the 16 kHz branch, by its name without the branch's prefix."""
    (switch,) = [node for node in model.graph.node if node.op_type == "If"]
    branch = next(attribute.g for attribute in switch.attribute if attribute.name == "then_branch")
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in branch.initializer}
    for node in branch.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    found[node.output[0]] = numpy_helper.to_array(attribute.t)
    return {name.split("_Inline_0__")[-1]: values for name, values in found.items()}


def convert(data):
    found = published_tensors(onnx.load_model_from_string(data))
    out = {}
    for theirs, (ours, shape) in WEIGHTS.items():
        if theirs not in found or found[theirs].shape != shape:
            raise SystemExit(f"silero-vad: expected {theirs} of shape {shape}, found {getattr(found.get(theirs), 'shape', 'nothing')}")
        out[ours] = found[theirs]
    return tensors.dump(out)


def main():
    parser = argparse.ArgumentParser(description="Extracts the 16 kHz weights from silero_vad.onnx.")
    parser.add_argument("published", type=pathlib.Path, help="silero_vad.onnx of the PyPI wheel")
    parser.add_argument("output", type=pathlib.Path, help="the .safetensors file to write")
    arguments = parser.parse_args()
    arguments.output.write_bytes(convert(arguments.published.read_bytes()))


if __name__ == "__main__":
    main()
