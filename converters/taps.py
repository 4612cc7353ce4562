"""Which values of a graph stand for something that the Keras model computes, too, by TensorFlow's names for them."""

from dataclasses import dataclass

import numpy as np

from converters.graph import Graph, Node, Value
from converters.quantisers import ACTIVATIONS

_REALS = ("float32", "int8")
_EVERYTHING = (-np.inf, np.inf)


@dataclass(frozen=True)
class Tap:
    """A value that a flatbuffer's user does not see, and a comparison with Keras does.

    Attributes:
        node: index, in the order of execution, of the operator that computes it.
        computes: TensorFlow's name of what it is, or, of a packed map, of the map whose comparison its bits are.
        clip: bounds that its operator holds it within.
        threshold: of a packed map, see ``converters.graph.Bits``; None for numbers.
        is_complement, channels: of a packed map.
    """

    node: int
    computes: str
    clip: tuple[float, float] = _EVERYTHING
    threshold: float | None = None
    is_complement: bool = False
    channels: int = 0


def taps_of(graph: Graph) -> list[Tap]:
    """In the order of execution.

    A graph that was read from a file of TensorFlow's has no ``Value.computes``; its values' names say the same.
    """
    taps = []
    for index, node in enumerate(graph.nodes):
        value = node.output
        if value.bits is not None:
            bits = value.bits
            if bits.source.computes:
                taps.append(
                    Tap(index, bits.source.computes, _EVERYTHING, bits.threshold, bits.is_complement, bits.channels)
                )
        elif value.type_name in _REALS and (name := value.computes):
            taps.append(Tap(index, name, _clip(node)))
    return taps


def named_by_tensorflow(graph: Graph) -> Graph:
    """The graph, every computed value with its own name as what it computes."""
    for value in graph.values():
        if not value.is_constant:
            value.computes = value.name
    return graph


def tapped(graph: Graph, nodes: list[int]) -> Graph:
    """The graph with the outputs of some nodes behind its own."""
    values: list[Value] = [graph.nodes[index].output for index in nodes]
    return Graph(graph.inputs, [*graph.outputs, *values], graph.nodes)


def _clip(node: Node) -> tuple[float, float]:
    return ACTIVATIONS.get(node.options.get("fused_activation_function", 0), _EVERYTHING)
