"""What is done in float between binary layers, and quantisers that undo one another."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from converters.explain.rows import CalledSubgraph, Place
from converters.explain.sizes import bytes_of_map
from edgehybrid.census.flatbuffer_graph import FlatbufferGraph
from edgehybrid.flatbuffer import Op

_QUANTIZE, _DEQUANTIZE, _CONVOLUTION, _POOL = "LceQuantize", "LceDequantize", "LceBconv2d", "LceBMaxPool2d"
_VECTOR_OPS = ("ADD", "MUL", "SUB")
_ACTIVATIONS = ("PRELU", "RELU", "RELU6", "RELU_N1_TO_1")
_SAME = 0
_BATCH_NORM_FIRST = "put BatchNorm before the pooling: it then folds into the convolution, and bits are pooled"


@dataclass(frozen=True)
class FloatWork:
    """Operators of one kind between binary layers.

    Attributes:
        elements: numbers that they write in one inference.
        bytes_moved: of the maps that they read and write.
        fix: what would do away with them; None for what a network needs, such as the sum of a shortcut.
    """

    op: str
    count: int
    elements: int
    bytes_moved: int
    fix: str | None

    def as_dict(self) -> dict[str, object]:
        """The object that the command prints."""
        return asdict(self)


@dataclass(frozen=True)
class StrayPair:
    """Two operators of which one undoes, or repeats, the other.

    Attributes:
        first, second: the layers' names.
        bytes_moved: of the maps that the second one reads and writes in one inference.
    """

    kind: str
    first: str
    second: str
    bytes_moved: int
    fix: str

    def as_dict(self) -> dict[str, object]:
        """The object that the command prints."""
        return asdict(self)


def float_work(subgraph: CalledSubgraph) -> tuple[list[FloatWork], set[Place]]:
    """What lies between binary convolutions and the next quantisers, the most bytes first; and where."""
    between = _between(subgraph)
    graph = FlatbufferGraph(subgraph.graph)
    found: dict[tuple[str, str | None], list[Op]] = {}
    for index in between:
        op = subgraph.graph.ops[index]
        found.setdefault((op.name, _fix(graph, op)), []).append(op)
    work = [
        FloatWork(
            name,
            len(ops),
            subgraph.runs * sum(math.prod(subgraph.graph.tensors[i].shape) for op in ops for i in op.outputs),
            subgraph.runs * sum(_bytes_moved(graph, op) for op in ops),
            fix,
        )
        for (name, fix), ops in found.items()
    ]
    return sorted(work, key=lambda one: -one.bytes_moved), {(subgraph.number, index) for index in between}


def _between(subgraph: CalledSubgraph) -> list[int]:
    """Operators without weights that a binary convolution leads to, and that lead to a quantiser."""
    apart = subgraph.multiplications.keys() | subgraph.unfolded
    ops = [op for index, op in enumerate(subgraph.graph.ops) if index not in apart and op.name != _QUANTIZE]
    behind = {i for op in subgraph.graph.ops if op.name == _CONVOLUTION for i in op.outputs}
    before = {i for op in subgraph.graph.ops if op.name == _QUANTIZE for i in op.inputs}
    met = _met([(op, op.inputs, op.outputs) for op in ops], behind)
    met &= _met([(op, op.outputs, op.inputs) for op in reversed(ops)], before)
    return [index for index, op in enumerate(subgraph.graph.ops) if id(op) in met and op.name != _POOL]


def _met(steps: Iterable[tuple[Op, Sequence[int], Sequence[int]]], tensors: set[int]) -> set[int]:
    """The operators that can be reached from tensors, by ``id``.

    Args:
        steps: operators with the tensors by which they are reached, and those that they lead to.
    """
    known = set(tensors)
    met = set()
    for op, entries, exits in steps:
        if known.intersection(entries):
            met.add(id(op))
            known.update(exits)
    return met


def _fix(graph: FlatbufferGraph, op: Op) -> str | None:
    """What would do away with an operator between binary layers."""
    values = graph.values(op)
    if len(values) != 1 or len(op.outputs) != 1:
        return None
    readers = graph.readers.get(op.outputs[0], [])
    if op.name == "MAX_POOL_2D" and [reader.name for reader in readers] == [_QUANTIZE]:
        return "pool bits, as edgehybrid convert does: the sign may be taken before the maximum"
    if op.name == "MAX_POOL_2D":
        return _BATCH_NORM_FIRST if readers and all(_scales(graph, reader) for reader in readers) else None
    if not (_scales(graph, op) or op.name in _ACTIVATIONS):
        return None
    root, passed = _root(graph, values[0])
    if root is not None and root.name == "MAX_POOL_2D":
        return _BATCH_NORM_FIRST
    if root is None or root.name != _CONVOLUTION:
        return None
    if not any(one.name in _ACTIVATIONS for one in (op, *passed)):
        return "convert it again: a scale directly behind a convolution folds into it"
    if root.integer("pad_values") == 0 and root.integer("padding") == _SAME:
        return "pad with +1 (pad_values=1.0), activation before BatchNorm: both then fold into the convolution"
    return "put the activation before BatchNorm: both then fold into the convolution"


def _root(graph: FlatbufferGraph, index: int) -> tuple[Op | None, list[Op]]:
    """What writes a map behind scales and activations, which nothing else reads; and these."""
    passed: list[Op] = []
    while True:
        writer = graph.writer.get(index)
        # In a damaged file an operator may read what it leads to.
        if writer is None or writer in passed or len(graph.readers.get(index, [])) > 1:
            return None, passed
        values = graph.values(writer)
        if not (_scales(graph, writer) or writer.name in _ACTIVATIONS) or len(values) != 1:
            return writer, passed
        passed.append(writer)
        index = values[0]


def _scales(graph: FlatbufferGraph, op: Op) -> bool:
    """Whether an operator scales or shifts each channel by a number of its own, as BatchNorm does."""
    if op.name not in _VECTOR_OPS or len(graph.values(op)) != 1:
        return False
    constants = (graph.part.tensors[index].data for index in op.inputs if index not in graph.values(op) and index >= 0)
    return any(data is not None and data.size > 1 for data in constants)


def _bytes_moved(graph: FlatbufferGraph, op: Op) -> int:
    tensors = graph.part.tensors
    return sum(bytes_of_map(tensors[index]) for index in (*graph.values(op), *op.outputs))


def stray_pairs(subgraph: CalledSubgraph, layer_of: Sequence[str]) -> list[StrayPair]:
    """Quantisers whose bits are unpacked at once, those of what was just unpacked, and those that repeat another.

    Args:
        layer_of: the name of each operator.
    """
    graph = FlatbufferGraph(subgraph.graph)
    names = {id(op): name for op, name in zip(subgraph.graph.ops, layer_of, strict=True)}
    found = []
    quantised: dict[int, Op] = {}
    for op in subgraph.graph.ops:
        if op.name not in (_QUANTIZE, _DEQUANTIZE) or not op.inputs or not op.outputs:
            continue
        writer = graph.writer.get(op.inputs[0])
        moved = subgraph.runs * _bytes_moved(graph, op)
        if op.name == _DEQUANTIZE and writer is not None and writer.name == _QUANTIZE:
            readers = ", ".join(f"'{names[id(reader)]}'" for reader in graph.readers.get(op.outputs[0], []))
            fix = f"pack what reads it ({readers or 'nothing'}), or take the quantiser away"
            found.append(StrayPair("quantised, then unpacked", names[id(writer)], names[id(op)], moved, fix))
        elif op.name == _QUANTIZE and writer is not None and writer.name == _DEQUANTIZE:
            fix = "let the bits be read as they are: leave out what stands between"
            found.append(StrayPair("unpacked, then quantised", names[id(writer)], names[id(op)], moved, fix))
        elif op.name == _QUANTIZE and (first := quantised.setdefault(op.inputs[0], op)) is not op:
            fix = "quantise the map once, and let both layers read the result"
            found.append(StrayPair("quantised twice", names[id(first)], names[id(op)], moved, fix))
    return found
