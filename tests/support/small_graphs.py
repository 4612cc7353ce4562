"""Small graphs of TensorFlow Lite operators, built node by node, and what they compute."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.graph import Graph, Node, Value, constant
from converters.graph_file import flatbuffer_of, graph_of
from edgehybrid.runtime import Interpreter

Floats = NDArray[np.float32]
SAME, VALID = 0, 1


class SmallGraph:
    """A graph that grows from its input; the last value added is its output."""

    def __init__(self, *shape: int) -> None:
        image = Value("net/image", shape)
        self.graph = Graph([image], [image], [])
        self.image = image

    def add(
        self, op: str, *inputs: Any, shape: tuple[int, ...] = (), type_name: str = "float32", **options: Any
    ) -> Value:
        """A node; inputs that are no values become constants. ``shape`` is by default that of the first input."""
        values = [read if isinstance(read, Value) else constant("", _array(read)) for read in inputs]
        output = Value(f"net/layer{len(self.graph.nodes)}/{op}", shape or values[0].shape, type_name)
        self.graph.nodes.append(Node(op, list(values), [output], options))
        self.graph.outputs = [output]
        return output

    def sign(self, value: Value) -> Value:
        """-1 and +1, as Larq's ste_sign becomes in TensorFlow Lite."""
        return self.add("SIGN", self.add("ADD", self.add("SIGN", value), 0.1))

    def where_sign(self, value: Value) -> Value:
        """-1 and +1, as tf.where(x >= 0, 1.0, -1.0) becomes."""
        is_positive = self.add("GREATER_EQUAL", value, 0.0, type_name="bool")
        return self.add("SELECT_V2", is_positive, 1.0, -1.0, shape=value.shape)

    def levels(self, value: Value, bits: int) -> Value:
        """The k-bit quantizer of ``edgehybrid.model.quantizers``."""
        count = 2.0**bits - 1
        value = self.add("MINIMUM", self.add("MAXIMUM", value, -1.0), 1.0)
        value = self.add("FLOOR", self.add("ADD", self.add("MUL", self.add("ADD", value, 1.0), count / 2), 0.5))
        return self.add("SUB", self.add("MUL", value, 2 / count), 1.0)

    def half_wave(self, value: Value, bits: int) -> Value:
        """0, 1 … 2^k - 1, as a ReLU that is rounded and clipped."""
        return self.add("MINIMUM", self.add("FLOOR", self.add("ADD", self.add("RELU", value), 0.5)), 2.0**bits - 1)

    def pad(self, value: Value, pads: Any, fill: float) -> Value:
        """A border of ``fill``, ((top, bottom), (left, right)) wide."""
        every = np.array([[0, 0], *pads, [0, 0]], np.int32)
        grown = tuple(int(length + pad.sum()) for length, pad in zip(value.shape, every, strict=True))
        return self.add("PADV2", value, every, fill, shape=grown)

    def conv(
        self,
        value: Value,
        weights: Floats,
        bias: Floats | None = None,
        padding: int = VALID,
        stride: int = 1,
        dilation: int = 1,
        activation: int = 0,
    ) -> Value:
        """CONV_2D; weights (O, H, W, I)."""
        sides = []
        for axis in (1, 2):
            window = (weights.shape[axis] - 1) * dilation + 1
            places = value.shape[axis] if padding == SAME else value.shape[axis] - window + 1
            sides.append(-(-places // stride))
        return self.add(
            "CONV_2D",
            value,
            weights,
            np.zeros(len(weights), np.float32) if bias is None else bias,
            shape=(1, *sides, len(weights)),
            padding=padding,
            stride_h=stride,
            stride_w=stride,
            dilation_h_factor=dilation,
            dilation_w_factor=dilation,
            fused_activation_function=activation,
        )

    def max_pool(self, value: Value, side: int = 2, activation: int = 0) -> Value:
        """MAX_POOL_2D whose windows do not overlap."""
        _, height, width, channels = value.shape
        return self.add(
            "MAX_POOL_2D",
            value,
            shape=(1, height // side, width // side, channels),
            padding=VALID,
            stride_h=side,
            stride_w=side,
            filter_height=side,
            filter_width=side,
            fused_activation_function=activation,
        )


def signs(random: np.random.Generator, *shape: int) -> Floats:
    """-1 and +1."""
    return np.where(random.random(shape) < 0.5, -1, 1).astype(np.float32)


def maps(random: np.random.Generator, shape: tuple[int, ...], count: int = 4, tiniest: bool = True) -> Floats:
    """Normal floats with both zeros, ties, and the smallest numbers among them."""
    images = random.normal(size=(count, *shape[1:])).astype(np.float32)
    edges = np.array([0.0, -0.0, 2 / 3, -2 / 3, 1, -1, *([1e-45, -1e-45] if tiniest else [])], np.float32)
    is_edge = random.random(images.shape) < 0.2
    images[is_edge] = random.choice(edges, int(is_edge.sum()))
    return images


def run(graph: Graph, images: Floats) -> Floats:
    """What the graph's one output holds for each image."""
    return Interpreter(flatbuffer_of(graph)).predict(images)


def edited(graph: Graph, *edits: Callable[[Graph], Any]) -> Graph:
    """A copy of a graph with some edits."""
    copy = graph_of(flatbuffer_of(graph))
    for edit in edits:
        edit(copy)
    return copy


def ops(graph: Graph) -> list[str]:
    """Names of the operators, in their order."""
    return [node.op for node in graph.nodes]


def _array(value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    return array if array.dtype != np.float64 else array.astype(np.float32)
