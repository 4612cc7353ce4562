"""Maps of a few values as packed maps of signs, which several layers may share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.graph import Bits, Graph, Node, Value, constant
from converters.quantisers import Quantiser


class BitPlanes:
    """Adds the planes of quantisers to a graph, each once.

    Plane i of a quantiser holds +1 where x ≥ θ_i; its complement holds +1 where x < θ_i. Both are the sign of one
    sum, which is exact in floating point: x - θ_i ≥ 0 ⟺ x ≥ θ_i, and -x + θ⁻ ≥ 0 ⟺ x ≤ θ⁻ ⟺ x < θ_i with θ⁻ the float
    before θ_i.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[tuple[int, float, bool, tuple[int, ...]], Value] = {}
        self._shaped: dict[tuple[int, tuple[int, ...]], Value] = {}

    def of(self, quantiser: Quantiser, is_complement: bool, shape: tuple[int, ...]) -> list[Value]:
        """int32 maps (1, H, W, ceil(C/32)), one a threshold; ``shape`` is (1, H, W, C)."""
        return [self._plane(quantiser.source, threshold, is_complement, shape) for threshold in quantiser.thresholds]

    def padded(self, quantiser: Quantiser, pads: NDArray[Any], level: int) -> Quantiser:
        """The quantiser of a map with a border that it gives the value behind ``level`` thresholds."""
        thresholds = quantiser.thresholds
        fill = thresholds[level - 1] if level else float(np.nextafter(np.float32(thresholds[0]), np.float32(-np.inf)))
        source = quantiser.source
        grown = tuple(int(length + sum(pad)) for length, pad in zip(source.shape, pads, strict=True))
        value = Value(f"{source.name}/padded", grown)
        node = Node(
            "PADV2",
            [source, constant("pads", np.asarray(pads, np.int32)), constant("fill", np.float32(fill).reshape(()))],
            [value],
        )
        self._graph.insert_after(self._graph.producer(source), [node])
        return Quantiser(value, thresholds, quantiser.unit, quantiser.offset, grown)

    def _plane(self, source: Value, threshold: float, is_complement: bool, shape: tuple[int, ...]) -> Value:
        key = (id(source), threshold, is_complement, shape)
        if key not in self._known:
            self._known[key] = self._add(source, np.float32(threshold), is_complement, shape)
        return self._known[key]

    def _add(self, source: Value, threshold: np.float32, is_complement: bool, shape: tuple[int, ...]) -> Value:
        nodes: list[Node] = []
        read = value = self._in_shape(source, shape)
        if is_complement:
            before = np.nextafter(threshold, np.float32(-np.inf))
            turned, value = Value(f"{source.name}/turned", shape), Value(f"{source.name}/below", shape)
            nodes.append(Node("MUL", [read, constant("minus one", np.array(-1, np.float32))], [turned]))
            nodes.append(Node("ADD", [turned, constant("threshold", before.reshape(()))], [value]))
        elif threshold != 0:
            value = Value(f"{source.name}/above", shape)
            nodes.append(Node("SUB", [read, constant("threshold", threshold.reshape(()))], [value]))
        packed = Value(f"{source.name}/bits", (*shape[:-1], -(-shape[-1] // 32)), "int32")
        packed.bits = Bits(source, float(threshold), is_complement, shape[-1])
        nodes.append(Node("LceQuantize", [value], [packed]))
        self._graph.insert_after(self._graph.producer(read), nodes)
        return packed

    def _in_shape(self, source: Value, shape: tuple[int, ...]) -> Value:
        """The map in another shape, once for all of its planes."""
        if source.shape == shape:
            return source
        key = (id(source), shape)
        if key not in self._shaped:
            self._shaped[key] = Value(f"{source.name}/shaped", shape)
            self._graph.insert_after(self._graph.producer(source), [reshape(source, self._shaped[key])])
        return self._shaped[key]


def reshape(value: Value, to: Value) -> Node:
    """A node that gives a value another shape."""
    shape = np.array(to.shape, np.int32)
    return Node("RESHAPE", [value, constant("shape", shape)], [to], {"new_shape": shape.tolist()})
