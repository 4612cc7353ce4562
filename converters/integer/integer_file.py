"""Integers in a flatbuffer: three operators of the native runtime (edgehybrid/runtime/native/delegate/levels_nodes.cc).

``EdgehybridLevels``, ``EdgehybridConv2d`` and ``EdgehybridScores`` read and write 8-, 16- and 32-bit integers, and
levels packed as two planes of bits: first the words of the low bits, then those of the high ones. The multipliers of
the classes and the logits are the only float tensors.
"""

from collections.abc import Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from converters.filter_planes import packed_words
from converters.graph import Graph, Node, Value, constant
from converters.graph_file import flatbuffer_of
from converters.integer.integer_network import (
    PIXEL_ZERO,
    Convolution,
    IntegerNetwork,
    Levels,
    Scores,
    Step,
    Thresholds,
    table_of,
)
from converters.integer.level_thresholds import Integers
from edgehybrid.model.levels import PIXEL_MAX

PLANES = 2
INT16_MAX = 32767


def integer_flatbuffer(network: IntegerNetwork, metadata: Mapping[str, bytes] | None = None) -> bytes:
    """The bytes: int8 pixels less 128 (1, side, side, channels), float32 logits (1, classes)."""
    side = network.image_side
    # (stored + 128) / 255 is the pixel as a part of its largest value.
    scale = schema.QuantizationParametersT(scale=[1 / PIXEL_MAX], zeroPoint=[-PIXEL_ZERO])
    image = Value("image", (1, side, side, network.image_channels), "int8", quantization=scale)
    values, channels, nodes = {"image": image}, {"image": network.image_channels}, []
    for step in network.steps:
        node, channels[step.name] = _node(step, values, channels)
        values[step.name] = node.output
        nodes.append(node)
    return flatbuffer_of(Graph([image], [nodes[-1].output], nodes), metadata)


def _node(step: Step, values: Mapping[str, Value], channels: Mapping[str, int]) -> tuple[Node, int]:
    source = values[step.source]
    if isinstance(step, Scores):
        multipliers = constant(f"{step.name}/multipliers", step.multipliers)
        count = len(step.multipliers)
        return Node("EdgehybridScores", [source, multipliers], [Value(step.name, (1, count))]), count
    side = source.shape[1]
    if isinstance(step, Levels):
        count = len(table_of(step.thresholds))
        output = _levels(step.name, side, count)
        return Node(
            "EdgehybridLevels", [source, _thresholds(step.name, step.thresholds)], [output], {"channels": count}
        ), count
    count, side = len(step.filters), -(-side // step.stride)
    options = {
        "channels_in": channels[step.source],
        "stride_height": step.stride,
        "stride_width": step.stride,
    }
    inputs = [
        source,
        constant(f"{step.name}/filter", packed_words(step.filters)),
        None if step.thresholds is None else _thresholds(step.name, step.thresholds),
        None if step.residual is None else values[step.residual],
    ]
    output = _sums(step, side, count) if step.thresholds is None else _levels(step.name, side, count)
    return Node("EdgehybridConv2d", inputs, [output], options), count


def _levels(name: str, side: int, channels: int) -> Value:
    return Value(name, (1, side, side, PLANES * -(-channels // 32)), "int32")


def _sums(step: Convolution, side: int, channels: int) -> Value:
    """In as few bits as hold all that these filters can give."""
    largest = max(int(step.most.max()), -int(step.least.min()))
    return Value(step.name, (1, side, side, channels), "int16" if largest <= INT16_MAX else "int32")


def _thresholds(name: str, thresholds: Thresholds | Integers) -> Value:
    return constant(f"{name}/thresholds", table_of(thresholds).astype(np.int32))
