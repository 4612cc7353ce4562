"""Flatbuffers that a file's damage or malice could make of sound ones, and a process that runs them.

``python hostile_flatbuffers.py FIRST COUNT`` gives mutants FIRST, FIRST + 1, … to LiteRT with the delegate. Each is
printed before it runs, so that the last line names the one that ended the process.
"""

import random
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from lce_layers import RELU, SAME, VALID, BinaryConv, max_pool, words_of
from level_networks import LevelNetwork
from tiny_flatbuffers import TinyOp, TinyTensor, pack, tflite_bytes

NUMBERS = (-(2**31), -2, -1, 0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 64, 255, 2**15, 2**16, 2**28, 2**31 - 1)


def many_float_operators() -> bytes:
    """CONV_2D, DEPTHWISE_CONV_2D, PRELU, ADD, MAX_POOL_2D, CONCATENATION, MEAN, FULLY_CONNECTED, MUL, LceQuantize."""
    shape, words = (1, 6, 6, 8), (1, words_of(4))
    noise = np.random.default_rng(0)

    def constant(*dims: int) -> TinyTensor:
        return TinyTensor("constant", dims, data=noise.normal(size=dims).astype(np.float32))

    tensors = [TinyTensor("x", shape), *(TinyTensor(f"map{i}", shape) for i in range(4))]
    tensors += [TinyTensor("pooled", (1, 3, 3, 8)), TinyTensor("joined", (1, 3, 3, 16)), TinyTensor("mean", (1, 16))]
    tensors += [TinyTensor("dense", (1, 4)), TinyTensor("scaled", (1, 4)), TinyTensor("bits", words, "int32")]
    tensors += [TinyTensor("signs", (1, 4)), TinyTensor("axes", (2,), "int32", np.array([1, 2], np.int32))]
    first = len(tensors)
    tensors += [constant(8, 3, 3, 8), constant(8), constant(1, 3, 3, 8), constant(1, 1, 8), constant(8)]
    tensors += [constant(4, 16), constant(4)]
    window = {"padding": SAME, "strideH": 1, "strideW": 1}
    dilated = window | {"dilationHFactor": 1, "dilationWFactor": 1}
    pool = schema.Pool2DOptionsT(padding=VALID, strideH=2, strideW=2, filterHeight=2, filterWidth=2)
    ops = [
        TinyOp("CONV_2D", [0, first, first + 1], [1], schema.Conv2DOptionsT(**dilated)),
        TinyOp(
            "DEPTHWISE_CONV_2D", [1, first + 2, -1], [2], schema.DepthwiseConv2DOptionsT(depthMultiplier=1, **dilated)
        ),
        TinyOp("PRELU", [2, first + 3], [3]),
        TinyOp("ADD", [3, first + 4], [4], schema.AddOptionsT(fusedActivationFunction=RELU)),
        TinyOp("MAX_POOL_2D", [4], [5], pool),
        TinyOp("CONCATENATION", [5, 5], [6], schema.ConcatenationOptionsT(axis=3)),
        TinyOp("MEAN", [6, 12], [7], schema.ReducerOptionsT(keepDims=False)),
        TinyOp("FULLY_CONNECTED", [7, first + 5, first + 6], [8], schema.FullyConnectedOptionsT()),
        TinyOp("MUL", [8, first + 6], [9], schema.MulOptionsT()),
        TinyOp("LceQuantize", [9], [10]),
        TinyOp("LceDequantize", [10], [11]),
    ]
    return tflite_bytes(tensors, ops, [0], [11, 4])


def levels() -> bytes:
    """EdgehybridLevels of an image, EdgehybridConv2d with and without thresholds and a residual, EdgehybridScores."""
    rng = np.random.default_rng(0)
    network = LevelNetwork(rng.integers(-128, 128, (1, 7, 6, 3)).astype(np.int8), rng)
    source = network.levels(network.image, 11)
    carried = network.conv(source, 20)
    inner = network.conv(network.levels(carried), 40, gives_levels=True)
    network.scores(network.conv(inner, 20, residual=carried))
    network.scores(network.conv(network.conv(source, 20, (1, 1), (2, 2), gives_levels=True), 3))
    return network.flatbuffer()


@cache
def sound() -> tuple[bytes, ...]:
    return (
        BinaryConv(channels_in=40).flatbuffer(),
        BinaryConv(channels_in=64, groups=2, output="int8", activation=RELU, stride=(2, 1)).flatbuffer(),
        BinaryConv(channels_out=40, output="packed", padding=VALID, dilation=(2, 1)).flatbuffer(),
        BinaryConv(channels_in=3, input_type="int8", pad_one=False, kernel=(5, 5)).flatbuffer(),
        max_pool((1, 7, 6, 40), (2, 3), (2, 1), SAME),
        many_float_operators(),
        many_float_operators(),
        levels(),
        levels(),
    )


def mutant(number: int) -> bytes:
    """One to three changes of one of the sound ones."""
    dice = random.Random(number)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(dice.choice(sound()), 0))
    for _ in range(dice.randint(1, 3)):
        dice.choice(CHANGES)(dice, model)
    return pack(model)


def _shape(dice: random.Random, model: Any) -> None:
    tensor = dice.choice(model.subgraphs[0].tensors)
    shape = list(tensor.shape)
    match dice.randrange(4):
        case 0 if shape:
            shape[dice.randrange(len(shape))] = dice.choice(NUMBERS)
        case 1:
            shape.insert(dice.randrange(len(shape) + 1), dice.choice((1, 2, 8)))
        case 2 if shape:
            shape.pop(dice.randrange(len(shape)))
        case _:
            dice.shuffle(shape)
    tensor.shape = np.array(shape, np.int32)


def _type(dice: random.Random, model: Any) -> None:
    dice.choice(model.subgraphs[0].tensors).type = dice.choice((0, 1, 2, 3, 4, 6, 7, 9))


def _quantisation(dice: random.Random, model: Any) -> None:
    scale = dice.choice(([], [0.0], [-1.0], [float("nan")], [float("inf")], [1e-45], [0.5], [1.0, 2.0]))
    zero_point = [dice.choice(NUMBERS) for _ in scale]
    dice.choice(model.subgraphs[0].tensors).quantization = schema.QuantizationParametersT(
        scale=scale, zeroPoint=zero_point
    )


def _constant(dice: random.Random, model: Any) -> None:
    """Shorter, longer, gone, or there at last."""
    buffer = dice.choice(model.buffers[1:])
    data = b"" if buffer.data is None else bytes(buffer.data)
    data = dice.choice((data[:-1], data[: len(data) // 2], data + b"\1\2\3\4", b"", dice.randbytes(len(data) or 64)))
    buffer.data = np.frombuffer(data, np.uint8) if data else None


def _wires(dice: random.Random, model: Any) -> None:
    graph = model.subgraphs[0]
    op = dice.choice(graph.operators)
    wires = list(dice.choice((op.inputs, op.outputs, op.inputs)))
    tensor = dice.randrange(-1, len(graph.tensors))
    match dice.randrange(4):
        case 0 if wires:
            wires.pop()
        case 1:
            wires.append(tensor)
        case _ if wires:
            wires[dice.randrange(len(wires))] = tensor
        case _:
            wires = [tensor]
    if dice.random() < 0.8:
        op.inputs = np.array(wires, np.int32)
    else:
        op.outputs = np.array(wires, np.int32)


def _operator(dice: random.Random, model: Any) -> None:
    """Another operator's code, with the options that were there."""
    dice.choice(model.subgraphs[0].operators).opcodeIndex = dice.randrange(len(model.operatorCodes))


def _order(dice: random.Random, model: Any) -> None:
    dice.shuffle(model.subgraphs[0].operators)


def _options(dice: random.Random, model: Any) -> None:
    """Bytes of a custom operator's map, or numbers of a builtin's table."""
    op = dice.choice(model.subgraphs[0].operators)
    if op.customOptions is not None and len(op.customOptions) > 0:
        data = bytearray(bytes(op.customOptions))
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 2, 4, 8, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        if dice.random() < 0.2:
            data = data[: dice.randrange(1, len(data) + 1)]
        op.customOptions = np.frombuffer(bytes(data), np.uint8)
    elif op.builtinOptions is not None:
        names = [name for name, value in vars(op.builtinOptions).items() if type(value) is int]
        if names:
            name = dice.choice(names)
            largest = 3 if name in ("padding", "fusedActivationFunction") else 2**31 - 1
            setattr(op.builtinOptions, name, min(largest, max(0 if largest == 3 else -(2**31), dice.choice(NUMBERS))))


CHANGES: tuple[Callable[[random.Random, Any], None], ...] = (
    _shape,
    _shape,
    _type,
    _quantisation,
    _constant,
    _wires,
    _operator,
    _order,
    _options,
    _options,
    _options,
)


def main(first: int, count: int) -> None:
    from native_runs import litert, outputs_of

    ran = 0
    for number in range(first, first + count):
        try:
            content = mutant(number)
        except (TypeError, ValueError, OverflowError):
            continue  # FlatBuffers cannot write it
        print(number, flush=True)
        try:
            interpreter = litert(content)
            detail = interpreter.get_input_details()[0]
            image = (np.random.default_rng(0).normal(size=detail["shape"]) * 3).astype(detail["dtype"])
            outputs = outputs_of(interpreter, image)
            # What runs gives the reference's numbers.
            others = {
                "2 threads": outputs_of(litert(content, 2), image),
                "reference": outputs_of(litert(content, isa="reference"), image),
            }
        except MemoryError:
            continue
        except (RuntimeError, ValueError) as error:
            if not str(error).strip():
                raise AssertionError("refused without a word") from error
            continue
        for side, other in others.items():
            for one, its in zip(outputs, other, strict=True):
                np.testing.assert_array_equal(one, its, f"mutant {number}, {side}")
        ran += 1
    print(f"ran {ran}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
