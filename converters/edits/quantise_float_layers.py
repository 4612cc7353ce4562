"""Layers in full precision become layers of 8 bits, between a QUANTIZE and a DEQUANTIZE; everything else stays.

A real number x is stored as q = round(x / s) + z, as TensorFlow Lite stores it (its 8-bit quantisation specification):

    maps      s = (high - low) / 255, z = round(-128 - low / s), with low ≤ 0 ≤ high, so that 0 is exact
    filters   s_c = max |w_c| / 127, z = 0, for each filter; one scale for all of a dense layer, as older runtimes ask
    biases    int32, s = s_map · s_c, z = 0

A map between -h and h has s = h / 127 and z = 0: -1, 0 and +1 of a layer that reads signs are exact.

Left alone: a layer's half whose other half is packed, because both are one convolution, whose outputs stand side by
side; filters that are computed, or are read by others, too.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from converters.graph import Graph, Node, Value, constant

# Operator → the axis of its filters that has a scale for each, and its version that knows 8 bits (the release notes of
# each version stand in TensorFlow's tensorflow/compiler/mlir/lite/tools/versioning/op_version.cc).
_WEIGHTED: Mapping[str, tuple[int | None, int]] = {
    "CONV_2D": (0, 3),
    "DEPTHWISE_CONV_2D": (3, 3),
    "FULLY_CONNECTED": (None, 4),
}
_DEQUANTIZE_VERSION = 2
_STEPS = 255
_LOWEST, _HIGHEST = -128, 127
# A filter of zeros may have any scale; this one keeps the products of scales in an interpreter's range.
_SCALE_OF_ZEROS = 1 / _HIGHEST
# A bias must fit into int32 with room for the sum that is added to it.
_LARGEST_BIAS = 2.0**30

Range = tuple[float, float]


def float_layers(graph: Graph) -> list[Node]:
    """The operators that ``quantise_float_layers`` changes, in their order."""
    return [node for node in graph.nodes if _is_whole_float_layer(graph, node)]


def quantise_float_layers(graph: Graph, ranges: Mapping[int, Range]) -> None:
    """Edits every node of ``float_layers``.

    Args:
        ranges: ``id`` of each value that they read or write → its lowest and highest number.
    """
    stored: dict[int, Value] = {}
    for node in float_layers(graph):
        read = node.inputs[0]
        if read is None:
            continue
        if id(read) not in stored:
            stored[id(read)] = Value(f"{read.name}/int8", read.shape, "int8", quantization=_of_map(ranges[id(read)]))
            quantise = Node("QUANTIZE", [read], [stored[id(read)]])
            graph.insert_after(graph.producer(read), [quantise])
        node.inputs[0] = stored[id(read)]
        axis, node.version = _WEIGHTED[node.op]
        _quantise_constants(node, axis)
        written = node.output
        node.outputs = [Value(f"{written.name}/int8", written.shape, "int8", None, _of_map(ranges[id(written)]))]
        graph.insert_after(node, [Node("DEQUANTIZE", [node.output], [written], version=_DEQUANTIZE_VERSION)])


def _is_whole_float_layer(graph: Graph, node: Node) -> bool:
    if node.op not in _WEIGHTED or node.output.type_name != "float32" or len(node.inputs) < 2:
        return False
    filters = node.constant(1)
    has_bias = len(node.inputs) > 2 and node.inputs[2] is not None
    if filters is None or filters.dtype != np.float32 or (has_bias and node.constant(2) is None):
        return False
    return not _is_beside_a_packed_half(graph, node)


def _is_beside_a_packed_half(graph: Graph, node: Node) -> bool:
    value = node.output
    while graph.is_read_once(value):
        reader = graph.readers(value)[0]
        if reader.op == "CONCATENATION":
            return any(_is_packed(graph, other) for other in reader.inputs)
        if reader.op not in ("ADD", "MUL", "RELU"):
            return False
        value = reader.output
    return False


def _is_packed(graph: Graph, value: Value | None) -> bool:
    producer = None if value is None else graph.producer(value)
    while producer is not None and producer.op in ("ADD", "MUL", "RELU"):
        maps = [read for read in producer.inputs if read is not None and not read.is_constant]
        producer = graph.producer(maps[0]) if len(maps) == 1 else None
    return producer is not None and producer.op == "LceBconv2d"


def _quantise_constants(node: Node, axis: int | None) -> None:
    filters, bias, (read, weights) = node.constant(1), node.constant(2), node.inputs[:2]
    if filters is None or read is None or weights is None:
        return
    map_scale = read.quantization.scale[0]
    others = tuple(place for place in range(filters.ndim) if place != axis)
    largest = np.atleast_1d(np.abs(filters.astype(np.float64)).max(axis=others, initial=0))
    scales = np.where(largest > 0, largest / _HIGHEST, _SCALE_OF_ZEROS)
    if bias is not None:
        least = np.abs(bias.astype(np.float64)) / (map_scale * _LARGEST_BIAS)
        scales = np.maximum(scales, least.max(initial=0) if axis is None else least)
    scales = scales.astype(np.float32)
    along = scales.reshape([-1 if place == axis else 1 for place in range(filters.ndim)])
    steps = np.clip(np.rint(filters / along), -_HIGHEST, _HIGHEST).astype(np.int8)
    node.inputs[1] = _stored(weights.name, steps, scales, axis or 0)
    if bias is not None:
        of_bias = (map_scale * scales).astype(np.float32)
        node.inputs[2] = _stored("", np.rint(bias / of_bias).astype(np.int32), of_bias, 0)


def _stored(name: str, steps: NDArray[Any], scales: NDArray[np.float32], axis: int) -> Value:
    value = constant(name, steps)
    value.quantization = _parameters(scales, np.zeros(len(scales), np.int64), axis)
    return value


def _of_map(range_: Range) -> Any:
    """Scale and zero point of a map's numbers."""
    low, high = min(range_[0], 0.0), max(range_[1], 0.0)
    if low == -high:
        scale, zero = (high or 1.0) / _HIGHEST, 0
    else:
        scale = (high - low) / _STEPS
        zero = int(np.clip(np.rint(_LOWEST - low / scale), _LOWEST, _HIGHEST))
    return _parameters(np.array([scale], np.float32), np.array([zero], np.int64), 0)


def _parameters(scales: NDArray[np.float32], zeros: NDArray[np.int64], axis: int) -> Any:
    return schema.QuantizationParametersT(scale=scales, zeroPoint=zeros, quantizedDimension=axis)
