"""A binary convolution whose only reader is a quantiser writes bits itself.

What lies between, scale, BatchNorm, activation, rises or falls with the sum of each channel. The sign therefore changes
once, and LceBconv2d compares the sum, the number of bits that differ, with that place: bit = count > threshold. Where
the value rises with the count, the filter's signs are turned round, which turns count into n - count.

Left alone: sums that something else reads, too, and those with a border of zeros, which bits do not have.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.edits.fold_vectors import has_border_of_zeros
from converters.graph import ACTIVATION_OPS, Graph, Node, Value, constant
from converters.quantisers import ACTIVATIONS

_NUMBERS = {op: number for number, op in ACTIVATION_OPS.items()}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply}


def fuse_thresholds(graph: Graph) -> None:
    """LceBconv2d → … → LceQuantize becomes one LceBconv2d with packed output."""
    for convolution in [node for node in graph.nodes if node.op == "LceBconv2d"]:
        chain = _chain_to_quantiser(graph, convolution)
        if chain is None or has_border_of_zeros(convolution):
            continue
        _write_bits(convolution, chain)
        for node in chain:
            graph.nodes.remove(node)
        graph.replace(chain[-1].output, convolution.output)


def _chain_to_quantiser(graph: Graph, convolution: Node) -> list[Node] | None:
    """The nodes from the convolution to its one quantiser, that included."""
    if convolution.output.type_name != "float32":
        return None
    chain: list[Node] = []
    value = convolution.output
    while graph.is_read_once(value):
        node = graph.readers(value)[0]
        chain.append(node)
        if node.op == "LceQuantize":
            return chain
        vectors = [read for read in node.inputs if read is not None and read is not value]
        is_vector = len(vectors) == 1 and vectors[0].is_constant and vectors[0].shape in ((), value.shape[-1:])
        if not (node.op in _NUMBERS or (node.op in _ARITHMETIC and is_vector)):
            return None
        value = node.output
    return None


def _write_bits(convolution: Node, chain: list[Node]) -> None:
    words = convolution.constant(1)
    if words is None:
        raise ValueError("a binary convolution has no filter")
    channels = convolution.options["channels_in"] // _groups(convolution, words)
    terms = words.shape[1] * words.shape[2] * channels
    outputs = len(words)

    def is_negative(count: NDArray[np.int64]) -> NDArray[np.bool_]:
        return _value(convolution, chain, terms, count) < 0

    first = is_negative(np.zeros(outputs, np.int64))
    last = is_negative(np.full(outputs, terms, np.int64))
    # The least count whose bit is that of the largest; the whole range where the bit never changes.
    same, other = np.zeros(outputs, np.int64), np.full(outputs, terms, np.int64)
    while np.any(other - same > 1):
        middle = (same + other) // 2
        is_first = is_negative(middle) == first
        same, other = np.where(is_first, middle, same), np.where(is_first, other, middle)
    # Bit 1 above `same`, or, with the filter turned round, above terms - other; always or never where it is constant.
    falls = first & ~last
    thresholds = np.where(falls, terms - other, same)
    thresholds = np.where(first == last, np.where(first, -1, terms), thresholds)
    mask = _channel_mask(channels, words.shape[-1])
    turned = np.where(falls[:, None, None, None], words ^ mask, words).astype(np.int32)
    name = convolution.output.name
    convolution.inputs = [
        convolution.inputs[0],
        constant(f"{name}/filter", turned),
        None,
        None,
        constant("threshold", thresholds.astype(np.int32)),
    ]
    convolution.options["fused_activation_function"] = 0
    convolution.outputs = [Value(name, chain[-1].output.shape, "int32")]


def _groups(convolution: Node, words: NDArray[np.int32]) -> int:
    """Words of all input channels over those of one group's."""
    value = convolution.read(0)
    return 1 if value is None else value.shape[-1] // words.shape[-1]


def _value(convolution: Node, chain: list[Node], terms: int, count: NDArray[np.int64]) -> NDArray[np.float32]:
    """What the quantiser would read, by the operations and roundings of the runtime."""
    multiplier, bias = convolution.constant(2), convolution.constant(3)
    if multiplier is None or bias is None:
        raise ValueError("a binary convolution has no multiplier or bias")
    low, high = ACTIVATIONS[convolution.options["fused_activation_function"]]
    dot = np.clip(terms - 2 * count, low, high).astype(np.float64)
    y: NDArray[np.float32] = (dot * multiplier + bias).astype(np.float32)
    value = convolution.output
    for node in chain[:-1]:
        if node.op in _NUMBERS:
            y = _clip(y, _NUMBERS[node.op])
        else:
            data = [y if read is value else read.data for read in node.inputs if read is not None]
            y = _clip(_ARITHMETIC[node.op](data[0], data[1]), node.options.get("fused_activation_function", 0))
        value = node.output
    return y


def _clip(y: NDArray[np.float32], activation: int) -> NDArray[np.float32]:
    low, high = ACTIVATIONS[activation]
    clipped: NDArray[np.float32] = np.clip(y, np.float32(low), np.float32(high))
    return clipped


def _channel_mask(channels: int, words: int) -> NDArray[np.int32]:
    """Ones where words hold channels."""
    bits = np.zeros(words * 32, np.uint8)
    bits[:channels] = 1
    return np.packbits(bits, bitorder="little").view(np.int32)
