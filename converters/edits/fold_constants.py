"""Nodes that read constants alone become constants.

TensorFlow's converter folds them, too, but not those of large weights: a dense layer of 100 million would keep its
latent weights in the file, and its signs would be taken at each inference.

Left alone: operators that are not in the table, and results larger than what they are made from.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.graph import Graph, Node
from converters.quantisers import ACTIVATIONS

Array = NDArray[Any]


def _mean(x: Array, axes: Array, node: Node) -> Array:
    keeps = bool(node.options.get("keep_dims", 0))
    return np.asarray(x.mean(axis=tuple(np.atleast_1d(axes)), dtype=np.float64, keepdims=keeps))


def _sum(x: Array, axes: Array, node: Node) -> Array:
    keeps = bool(node.options.get("keep_dims", 0))
    return np.asarray(x.sum(axis=tuple(np.atleast_1d(axes)), dtype=np.float64, keepdims=keeps))


_UNARY: Mapping[str, Callable[[Array], Any]] = {
    "ABS": np.abs,
    "FLOOR": np.floor,
    "NEG": np.negative,
    "RSQRT": lambda x: 1 / np.sqrt(x),
    "SIGN": np.sign,
    "SQRT": np.sqrt,
    "SQUARE": np.square,
}
_BINARY: Mapping[str, Callable[[Array, Array], Any]] = {
    "ADD": np.add,
    "DIV": np.divide,
    "GREATER_EQUAL": np.greater_equal,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "MUL": np.multiply,
    "SUB": np.subtract,
}
_OTHERS: Mapping[str, Callable[[list[Array], Node], Any]] = {
    "CAST": lambda inputs, node: inputs[0],
    "MEAN": lambda inputs, node: _mean(inputs[0], inputs[1], node),
    "RESHAPE": lambda inputs, node: inputs[0].reshape(node.output.shape),
    "SELECT": lambda inputs, node: np.where(*inputs),
    "SELECT_V2": lambda inputs, node: np.where(*inputs),
    "SUM": lambda inputs, node: _sum(inputs[0], inputs[1], node),
    "TRANSPOSE": lambda inputs, node: inputs[0].transpose(inputs[1]),
}


def fold_constants(graph: Graph) -> None:
    """Computes what can be computed before there is an image."""
    kept = []
    for node in graph.nodes:
        inputs = [value.data for value in node.inputs if value is not None]
        known = [data for data in inputs if data is not None]
        result = _result(node, known) if len(known) == len(inputs) and not graph.is_output(node.output) else None
        if result is None or result.size > max(data.size for data in known):
            kept.append(node)
            continue
        folded: Array = np.ascontiguousarray(result, node.output.type_name)
        node.output.data = folded.reshape(node.output.shape)
    graph.nodes = kept


def _result(node: Node, inputs: list[Array]) -> Array | None:
    if not inputs:
        return None
    with np.errstate(all="ignore"):
        if node.op in _UNARY and len(inputs) == 1:
            return np.asarray(_UNARY[node.op](inputs[0]))
        if node.op in _BINARY and len(inputs) == 2:
            low, high = ACTIVATIONS.get(node.options.get("fused_activation_function", 0), (-np.inf, np.inf))
            result = np.asarray(_BINARY[node.op](inputs[0], inputs[1]))
            return result if result.dtype == bool else np.clip(result, low, high).astype(result.dtype)
        if node.op in _OTHERS:
            return np.asarray(_OTHERS[node.op](inputs, node))
    return None
