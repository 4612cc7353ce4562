"""What of a layer is quantised: its inputs, perhaps behind operators that only move values, and its weights."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from converters.explain.rows import CalledSubgraph
from converters.filter_planes import FilterPlanes, filter_planes
from converters.graph import Graph, Node, Value
from converters.quantisers import NoQuantiser, Quantiser, quantiser_of
from edgehybrid.census.multiplications import Multiplication
from edgehybrid.flatbuffer import Tensor

# Fewer weights a filter than these can have few values by chance.
_LEAST_WEIGHTS = 8
# A few values go in, the same ones come out, at other places.
_PASSING = (
    *("BATCH_TO_SPACE_ND", "CONCATENATION", "DEPTH_TO_SPACE", "EXPAND_DIMS", "MAX_POOL_2D", "MIRROR_PAD", "PAD"),
    *("PADV2", "RESHAPE", "RESIZE_NEAREST_NEIGHBOR", "SLICE", "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SQUEEZE"),
    *("STRIDED_SLICE", "TILE", "TRANSPOSE"),
)
_MOST_PASSED = 32


class LayerView:
    """An operator with weights in the graph of the analysis.

    Attributes:
        source, weights: what it multiplies.
        quantiser: of its source.
        between: operators from there to the layer, the nearest first.
        planes: bits of its weights, as far as ``filters`` was asked for, or the packer has told.
    """

    def __init__(self, graph: Graph, node: Node, subgraph: CalledSubgraph, multiplication: Multiplication) -> None:
        self.graph, self.node = graph, node
        self.multiplication = multiplication
        op = multiplication.op
        self.source = node.inputs[op.inputs.index(multiplication.source)]
        self.weights = node.inputs[op.inputs.index(multiplication.weights)]
        self._stored = subgraph.graph.tensors[subgraph.stored.get(multiplication.weights, multiplication.weights)]
        self._is_unpacked = multiplication.weights in subgraph.stored
        self.planes = 1
        self.quantiser, self.between = _behind(graph, self.source) if self.source is not None else (NoQuantiser(), ())

    @property
    def passed(self) -> tuple[str, ...]:
        """What stands between; but for a border, which the packer knows."""
        is_border = self.node.op == "CONV_2D" and self.between[:1] in (("PAD",), ("PADV2",))
        return self.between[1:] if is_border else self.between

    @property
    def is_quantised(self) -> bool:
        """Whether its inputs take few values."""
        return isinstance(self.quantiser, Quantiser)

    @cached_property
    def filters(self) -> FilterPlanes | None:
        """Its weights, where they take few values."""
        op = self.multiplication.op
        found = _filters(_by_filter(op.name, bool(op.options.get("adj_y")), _real(self._stored)))
        self.planes = len(found.planes) if found else 1
        return found

    def packed_bytes(self) -> int:
        """Of its filters in words of 32 bits, one a plane."""
        one = self.multiplication
        words = one.weight_sets * one.kernel[0] * one.kernel[1] * -(-one.group_channels // 32) * one.out_channels
        return 4 * words * self.planes

    def is_computed_of_constants(self) -> bool:
        """Whether its weights are no constant, though nothing that is behind them depends on the model's input."""
        if self.weights is None or self.weights.is_constant or self._is_unpacked:
            return False
        todo: list[Value | None] = [self.weights]
        seen: set[int] = set()
        while todo:
            value = todo.pop()
            if value is None or value.is_constant or id(value) in seen:
                continue
            seen.add(id(value))
            node = self.graph.producer(value)
            if node is None or not node.inputs:
                return False
            todo += node.inputs
        return True


def _behind(graph: Graph, value: Value) -> tuple[Quantiser | NoQuantiser, tuple[str, ...]]:
    """What quantises a map, and the operators between that move its values and change none; the nearest first."""
    between: list[str] = []
    nearly = NoQuantiser()
    for _ in range(_MOST_PASSED):
        found = quantiser_of(graph, value)
        if isinstance(found, Quantiser):
            return found, tuple(between)
        nearly = nearly if nearly.reason else found
        node = graph.producer(value)
        if node is None or node.op not in _PASSING:
            break
        maps = [read for read in node.inputs if read is not None and not read.is_constant]
        if not maps or (len(maps) > 1 and not all(isinstance(quantiser_of(graph, one), Quantiser) for one in maps)):
            break
        between.append(node.op)
        value = maps[0]
    return nearly, tuple(between) if nearly.reason else ()


def _real(tensor: Tensor) -> NDArray[np.float32] | None:
    """The weights as the numbers that they stand for, but for a factor of each filter; None for other types."""
    if tensor.data is None or tensor.is_sparse or tensor.data.dtype.name != tensor.type_name:
        return None
    if tensor.type_name in ("float16", "float32"):
        return tensor.data.astype(np.float32, copy=False)
    if tensor.type_name == "int8" and not any(tensor.zero_points):
        return tensor.data.astype(np.float32)
    return None


def _by_filter(op: str, is_turned: bool, weights: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """The weights with the filters on the first axis."""
    if weights is None or weights.size == 0:
        return None
    if op in ("DEPTHWISE_CONV_2D", "CONV_3D") or (op == "BATCH_MATMUL" and not is_turned):
        return np.moveaxis(weights, -1, 0)
    if op == "BATCH_MATMUL" and weights.ndim > 1:
        return np.moveaxis(weights, -2, 0)
    return np.moveaxis(weights, 3, 0) if op == "CONV_3D_TRANSPOSE" else weights


def _filters(weights: NDArray[np.float32] | None) -> FilterPlanes | None:
    """The planes of weights that are quantised on purpose: of both signs, and too many to have few values by chance."""
    if weights is None or weights.size // len(weights) < _LEAST_WEIGHTS or not np.isfinite(weights).all():
        return None
    if not weights.min() < 0 < weights.max():
        return None
    return filter_planes(weights.reshape(len(weights), 1, 1, -1))
