"""Names of layers in place of TensorFlow's, which list every operator that a converter fused: up to 400 bytes each."""

import re
from collections.abc import Iterable

from converters.graph import Graph

# The functions of a SavedModel, which call each other.
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
# The operator of the layer that others were fused with, as TensorFlow names it; Larq's layers begin otherwise.
_MULTIPLYING = re.compile(r"(Conv[123]D|DepthwiseConv2dNative|DepthwiseConv2D|MatMul|depthwise)(_?\d+)?$")


def shorten_names(graph: Graph) -> None:
    """``net/relu/Relu;net/conv1_bn/FusedBatchNormV3;net/conv1/Conv2D`` becomes ``conv1``, the layer that computed it.

    ``Value.computes`` keeps the long one. Inputs and outputs keep their names, by which an interpreter's user may ask
    for them; constants need none.
    """
    kept = {id(value) for value in (*graph.inputs, *graph.outputs)}
    for value in graph.values():
        if not value.is_constant:
            value.computes = value.name
        if id(value) not in kept:
            value.name = "" if value.is_constant else layer_name(value.name)


def layer_name(name: str) -> str:
    """The layer in a tensor's name as TensorFlow's converter writes it; a shorter name as it is.

    Of several layers it is the one with weights, else the one that was computed first.
    """
    pieces = name.split(";")
    first_computed = next((piece for piece in reversed(pieces) if _MULTIPLYING.search(piece)), pieces[-1])
    parts = _without_calls(first_computed)
    return "/".join(parts[1:-1]) if len(parts) > 2 else first_computed


def are_of_layers(names: Iterable[str]) -> bool:
    """Whether these are names of layers already: TensorFlow's all begin with that of the model."""
    return len({parts[0] for name in names if len(parts := _without_calls(name.split(";")[-1])) > 1}) > 1


def _without_calls(name: str) -> list[str]:
    parts = name.split("/")
    while len(parts) > 1 and parts[0] in _CALLS:
        del parts[0]
    return parts
