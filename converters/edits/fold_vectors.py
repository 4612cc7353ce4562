"""Scales, BatchNorm and ReLU behind a binary convolution move into it, where LceBconv2d has a place for them.

It computes y = m · act(dot) + b for each output channel:

    (m dot + b) v + w = (m v) dot + (b v + w)
    max(m dot, 0)     = m max(dot, 0)              for m ≥ 0, exact

Left alone: values that something else reads, too; what stands behind a ReLU that could not move; an activation before
a border of zeros, for which Larq's kernels have no correction.
"""

import numpy as np
from numpy.typing import NDArray

from converters.graph import Graph, Node, Value, constant

_RELU = 1
_SAME = 0


def fold_vectors(graph: Graph) -> None:
    """Edits every LceBconv2d with float output."""
    for convolution in [node for node in graph.nodes if node.op == "LceBconv2d"]:
        while convolution.output.type_name == "float32" and graph.is_read_once(convolution.output):
            reader = graph.readers(convolution.output)[0]
            if not (_fold_relu(convolution, reader) or _fold_vector(convolution, reader)):
                break
            graph.nodes.remove(reader)
            name = reader.output.name
            graph.replace(reader.output, convolution.output)
            convolution.output.name = name


def has_border_of_zeros(convolution: Node) -> bool:
    """Whether a window reaches beyond the map, and finds 0 there."""
    options = convolution.options
    return bool(options["pad_values"] == 0 and options["padding"] == _SAME)


def _fold_relu(convolution: Node, reader: Node) -> bool:
    multiplier, bias = convolution.constant(2), convolution.constant(3)
    if reader.op != "RELU" or multiplier is None or bias is None or has_border_of_zeros(convolution):
        return False
    if convolution.options["fused_activation_function"] or np.any(multiplier < 0) or np.any(bias):
        return False
    convolution.options["fused_activation_function"] = _RELU
    return True


def _fold_vector(convolution: Node, reader: Node) -> bool:
    if reader.op not in ("MUL", "ADD") or reader.options.get("fused_activation_function", 0):
        return False
    multiplier, bias = convolution.constant(2), convolution.constant(3)
    vector = vector_with(reader, convolution.output)
    if vector is None or multiplier is None or bias is None:
        return False
    take_vector(convolution, reader.op, multiplier, bias, vector)
    return True


def vector_with(reader: Node, value: Value) -> NDArray[np.float32] | None:
    """The constant, a number a channel, that an operator of two operands reads beside a value."""
    vector = reader.constant(1) if reader.read(0) is value else reader.constant(0)
    return vector if vector is not None and vector.shape == value.shape[-1:] else None


def take_vector(
    convolution: Node, op: str, multiplier: NDArray[np.float32], bias: NDArray[np.float32], vector: NDArray[np.float32]
) -> None:
    """Multiplies (``MUL``) what an LceBconv2d computes, or adds to it (``ADD``), channel by channel."""
    if op == "MUL":
        set_constant(convolution, 2, multiplier.astype(np.float64) * vector)
        set_constant(convolution, 3, bias.astype(np.float64) * vector)
    else:
        set_constant(convolution, 3, bias.astype(np.float64) + vector)


def set_constant(node: Node, place: int, data: NDArray[np.float64]) -> None:
    """Gives a node other float32 constants in place of those that it reads, if any."""
    node.inputs += [None] * (place + 1 - len(node.inputs))
    old = node.inputs[place]
    node.inputs[place] = constant("" if old is None else old.name, data.astype(np.float32))
