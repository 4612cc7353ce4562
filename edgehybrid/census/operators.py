"""Counts what the layers of a .tflite file hold: a row for each operator with weights."""

import math
from dataclasses import dataclass

from edgehybrid.errors import ModelFileError
from edgehybrid.flatbuffer import ABSENT, Flatbuffer, Op, Tensor

CHANNELS_PER_WORD = 32
WEIGHTED = ("LceBconv2d", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True)
class CensusRow:
    """An operator with weights. Biases, multipliers and thresholds are not counted.

    Attributes:
        name: name of the output tensor.
        precision: ``packed`` for the 1-bit weights of LceBconv2d; else the type of the stored weights, such
            as ``float32`` or ``int8``.
        in_channels: channels of the map read, before packing; all groups together.
        weights: number of weights, before packing.
        bytes: size of the weights in the file; 0 when they are computed at run time.
        macs: multiply-accumulates for one image, output positions × weights.
    """

    name: str
    op: str
    precision: str
    kernel_height: int
    kernel_width: int
    in_channels: int
    out_channels: int
    weights: int
    bytes: int
    macs: int


def census(flatbuffer: Flatbuffer) -> list[CensusRow]:
    """A row for each LceBconv2d, CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED, in the order of execution.

    Other operators with weights, such as TRANSPOSE_CONV or LSTM, have no row.

    Raises:
        ModelFileError: the shapes around such an operator contradict each other.
    """
    # Weights stored in a narrower type, such as float16, are widened by an operator of their own.
    widened = {
        op.outputs[0]: op.inputs[0]
        for op in flatbuffer.ops
        if op.name == "DEQUANTIZE" and op.outputs and op.inputs and op.inputs[0] != ABSENT
    }
    return [_census_row(flatbuffer, op, widened) for op in flatbuffer.ops if op.name in WEIGHTED]


def _census_row(flatbuffer: Flatbuffer, op: Op, widened: dict[int, int]) -> CensusRow:
    if len(op.inputs) < 2 or ABSENT in op.inputs[:2] or not op.outputs:
        raise ModelFileError(f"A {op.name} has no input, no weights or no output.", received=op)
    source, weights, output = (flatbuffer.tensors[index] for index in (*op.inputs[:2], op.outputs[0]))
    in_channels, out_channels, height, width, depth = sizes = _filter_sizes(op, source, weights)
    if min(sizes) < 1 or in_channels % depth or len(output.shape) < 2:
        raise ModelFileError(
            f"The shapes of a {op.name} contradict each other.",
            received=f"{output.name}: input {source.shape}, weights {weights.shape}, output {output.shape}, "
            f"options {op.options}",
        )
    stored = flatbuffer.tensors[widened.get(op.inputs[1], op.inputs[1])]
    is_packed = op.name == "LceBconv2d" and stored.type_name == "int32"
    count = out_channels * height * width * depth
    return CensusRow(
        name=output.name,
        op=op.name,
        precision="packed" if is_packed else stored.type_name,
        kernel_height=height,
        kernel_width=width,
        in_channels=in_channels,
        out_channels=out_channels,
        weights=count,
        bytes=stored.buffer_bytes,
        macs=math.prod(output.shape[1:-1]) * count,
    )


def _filter_sizes(op: Op, source: Tensor, weights: Tensor) -> tuple[int, int, int, int, int]:
    """Channels read, filters, height, width, channels that one filter reads. A 0 says that it cannot be."""
    in_channels = source.shape[-1] if source.shape else 0
    match op.name, weights.shape:
        case "FULLY_CONNECTED", (filters, depth):
            # The operator flattens what it reads, so the weights say how much that is.
            return depth, filters, 1, 1, depth
        case "CONV_2D", (filters, height, width, depth):
            return in_channels, filters, height, width, depth
        case "DEPTHWISE_CONV_2D", (1, height, width, filters):
            return in_channels, filters, height, width, 1
        case "LceBconv2d", (filters, height, width, words):
            # Groups have full words; without groups the last word may be partly filled.
            in_channels = op.options.get("channels_in", 0)
            depth = min(in_channels, words * CHANNELS_PER_WORD)
            is_whole = words == math.ceil(depth / CHANNELS_PER_WORD)
            return in_channels, filters, height, width, depth if is_whole else 0
    return 0, 0, 0, 0, 0
