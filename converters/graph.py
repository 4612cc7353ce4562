"""A flatbuffer's graph in a form that can be edited: nodes that hold their values, in the order of execution."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Activations that an operator may have behind it, by their numbers in TensorFlow Lite's schema, as operators.
ACTIVATION_OPS = {1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}


@dataclass(eq=False)
class Value:
    """A tensor.

    Attributes:
        type_name: ``float32``, ``int32``, ``int8`` …, as in ``edgehybrid.flatbuffer``.
        data: of a constant, of that shape and type.
        quantization: the schema's object, or None.
        computes: TensorFlow's name of what it holds, but for an activation that may follow: operators with their
            layers, the last one first. Empty where an edit added it, and TensorFlow never had it.
        bits: what its bits say, of a packed map.
    """

    name: str
    shape: tuple[int, ...]
    type_name: str = "float32"
    data: NDArray[Any] | None = None
    quantization: Any = None
    computes: str = ""
    bits: "Bits | None" = None

    @property
    def is_constant(self) -> bool:
        """Whether the file holds it."""
        return self.data is not None


@dataclass(frozen=True, eq=False)
class Bits:
    """What the bits of a packed map say, which may have no float map left beside it.

    Attributes:
        source: the map whose comparison they are.
        threshold: a bit stands for +1 where source ≥ threshold.
        is_complement: for -1 there, and +1 where source < threshold.
        channels: of the packed map, 32 to a word.
    """

    source: Value
    threshold: float
    is_complement: bool
    channels: int


@dataclass(eq=False)
class Node:
    """An operator.

    Attributes:
        op: ``CONV_2D``, ``LceBconv2d`` …
        inputs: None stands for an optional one that is absent.
        options: name as in schema.fbs → value; what is left out has the schema's default.
        version: of the operator, as a converter wrote it.
    """

    op: str
    inputs: list[Value | None]
    outputs: list[Value]
    options: dict[str, Any] = field(default_factory=dict)
    version: int = 1

    @property
    def output(self) -> Value:
        """Of an operator with one."""
        return self.outputs[0]

    def read(self, number: int) -> Value | None:
        """An input, if it is there."""
        return self.inputs[number] if number < len(self.inputs) else None

    def constant(self, number: int) -> NDArray[Any] | None:
        """The data of an input that is there and constant, else None."""
        value = self.read(number)
        return None if value is None else value.data


@dataclass(eq=False)
class Graph:
    """The main graph of a model."""

    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node]

    def producer(self, value: Value) -> Node | None:
        """The node that computes a value; None of an input or a constant."""
        return self._producers().get(id(value))

    def readers(self, value: Value) -> list[Node]:
        """Nodes that read a value, each once, in their order."""
        return [node for node in self.nodes if any(read is value for read in node.inputs)]

    def is_output(self, value: Value) -> bool:
        """Whether the model's user reads it."""
        return any(output is value for output in self.outputs)

    def is_read_once(self, value: Value) -> bool:
        """Whether one node reads it, and nobody else."""
        return len(self.readers(value)) == 1 and not self.is_output(value)

    def insert_after(self, place: Node | None, nodes: Iterable[Node]) -> None:
        """Adds nodes behind one; at the front for None."""
        index = 0 if place is None else self.nodes.index(place) + 1
        self.nodes[index:index] = list(nodes)

    def replace(self, old: Value, new: Value) -> None:
        """Lets every reader of ``old``, and the model's outputs, read ``new``, which says what ``old`` said."""
        for node in self.nodes:
            node.inputs = [new if read is old else read for read in node.inputs]
        self.outputs = [new if output is old else output for output in self.outputs]
        new.computes, new.bits = old.computes, old.bits

    def values(self) -> Iterator[Value]:
        """Every value once: inputs, then in the order of the nodes."""
        seen: set[int] = set()
        of_nodes = (value for node in self.nodes for value in (*node.inputs, *node.outputs))
        for value in (*self.inputs, *of_nodes, *self.outputs):
            if value is not None and id(value) not in seen:
                seen.add(id(value))
                yield value

    def prune(self) -> None:
        """Drops nodes that no output depends on."""
        needed = {id(value) for value in self.outputs}
        kept = []
        for node in reversed(self.nodes):
            if any(id(output) in needed for output in node.outputs):
                kept.append(node)
                needed |= {id(value) for value in node.inputs if value is not None}
        self.nodes = kept[::-1]

    def _producers(self) -> dict[int, Node]:
        return {id(output): node for node in self.nodes for output in node.outputs}


def constant(name: str, data: NDArray[Any]) -> Value:
    """A constant value."""
    return Value(name, data.shape, data.dtype.name, np.asarray(data, order="C"))
