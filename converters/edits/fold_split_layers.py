"""Scales and BatchNorm behind a split layer move into its convolutions, whose maps it joins.

A vector over all channels is a vector over the channels of each part:

    (a ‖ b) v + w = (a v_a + w_a) ‖ (b v_b + w_b)

LceBconv2d takes its part as behind a layer that is not split (``fold_vectors.py``). A convolution in full precision has
it in its filters: (Σ x W + c) v + w = Σ x (W v) + (c v + w), but for rounding.

An activation that the last of them had is an operator of its own then.

Left alone: maps that something else reads, too, or that are joined twice; joins along another axis than the channels;
convolutions in full precision with an activation; joins of anything else.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from converters.edits.fold_vectors import set_constant, take_vector, vector_with
from converters.graph import ACTIVATION_OPS, Graph, Node

Vector = NDArray[np.float32]
# Lets a convolution multiply by its part of a vector (``MUL``), or add it (``ADD``).
Take = Callable[[str, Vector], None]


def fold_split_layers(graph: Graph) -> None:
    """Edits every join of convolutions some of which are binary."""
    for join in [node for node in graph.nodes if node.op == "CONCATENATION"]:
        while graph.is_read_once(join.output):
            reader = graph.readers(join.output)[0]
            activation = reader.options.get("fused_activation_function", 0)
            is_plain = reader.op in ("MUL", "ADD") and (not activation or activation in ACTIVATION_OPS)
            vector, takes = vector_with(reader, join.output) if is_plain else None, _takes(graph, join)
            if vector is None or not takes:
                break
            parts = np.split(vector, np.cumsum([value.shape[-1] for value in join.inputs if value is not None])[:-1])
            for take, part in zip(takes, parts, strict=True):
                take(reader.op, part)
            if activation:
                place = graph.nodes.index(reader)
                graph.nodes[place] = Node(ACTIVATION_OPS[activation], [join.output], reader.outputs)
                break
            graph.nodes.remove(reader)
            graph.replace(reader.output, join.output)


def _takes(graph: Graph, join: Node) -> list[Take]:
    """One for each map that is joined; none where one of them can take no vector, or none is binary."""
    of_channels = join.options.get("axis", 0) in (-1, len(join.output.shape) - 1)
    is_double = len({id(value) for value in join.inputs}) < len(join.inputs)
    if not of_channels or is_double or join.options.get("fused_activation_function", 0):
        return []
    nodes = [None if value is None or not graph.is_read_once(value) else graph.producer(value) for value in join.inputs]
    takes = [None if node is None else _take_of(node) for node in nodes]
    is_split = any(node is not None and node.op == "LceBconv2d" for node in nodes)
    return [take for take in takes if take is not None] if is_split and None not in takes else []


def _take_of(node: Node) -> Take | None:
    if node.op == "LceBconv2d":
        multiplier, bias = node.constant(2), node.constant(3)
        if node.output.type_name != "float32" or multiplier is None or bias is None:
            return None
        return lambda op, vector: take_vector(node, op, multiplier, bias, vector)
    weights = node.constant(1)
    terms = np.zeros(node.output.shape[-1], np.float32) if node.read(2) is None else node.constant(2)
    is_plain = node.op == "CONV_2D" and not node.options.get("fused_activation_function", 0)
    if not is_plain or weights is None or weights.dtype != np.float32 or terms is None:
        return None
    return lambda op, vector: _scale_filters(node, op, weights, terms, vector)


def _scale_filters(node: Node, op: str, weights: Vector, bias: Vector, vector: Vector) -> None:
    if op == "MUL":
        set_constant(node, 1, weights.astype(np.float64) * vector[:, None, None, None])
        set_constant(node, 2, bias.astype(np.float64) * vector)
    else:
        set_constant(node, 2, bias.astype(np.float64) + vector)
