"""Small mistakes in a flatbuffer's graph, one at a time, and the rule that once excused them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.graph import Graph, Node, constant
from converters.graph_file import flatbuffer_of, graph_of

Plant = Callable[[Graph], None]


def planted(content: bytes, plant: Plant) -> bytes:
    """The flatbuffer with a mistake; its operators stay in their places."""
    graph = graph_of(content)
    plant(graph)
    return flatbuffer_of(graph)


def node_of(graph: Graph, op: str, name: str, number: int = -1) -> Node:
    """An operator of a kind, by default the last, whose output's name begins so: of a layer, or of a part of it."""
    return [node for node in graph.nodes if node.op == op and f"{node.output.name}/".startswith(f"{name}/")][number]


def changed(op: str, name: str, place: int, change: Callable[[NDArray[Any]], None], number: int = -1) -> Plant:
    """Changes the constant at a place among an operator's inputs; ``number`` as in ``node_of``."""

    def plant(graph: Graph) -> None:
        node = node_of(graph, op, name, number)
        data = node.constant(place)
        assert data is not None
        copy = data.copy()
        change(copy)
        assert not np.array_equal(copy, data)
        node.inputs[place] = constant("", copy)

    return plant


def option(op: str, name: str, key: str, value: int) -> Plant:
    """Changes an option of an operator."""

    def plant(graph: Graph) -> None:
        node = node_of(graph, op, name)
        assert node.options[key] != value
        node.options[key] = value

    return plant


def negate_a_weight(data: NDArray[Any]) -> None:
    data.flat[len(data.flat) // 3] *= -1


def negate_a_bit(data: NDArray[Any]) -> None:
    data.flat[len(data.flat) // 3] ^= 1


def add(amount: float) -> Callable[[NDArray[Any]], None]:
    """To one number; to all if it is one."""

    def change(data: NDArray[Any]) -> None:
        data.flat[data.size // 2] += data.dtype.type(amount)

    return change


def move_a_likely_threshold(steps: int) -> Callable[[NDArray[Any]], None]:
    """Of a channel whose threshold is nearest to all others: a sum is often there."""

    def change(data: NDArray[Any]) -> None:
        data[np.argmin(np.abs(data - np.median(data)))] += steps

    return change


def scale_one(data: NDArray[Any]) -> None:
    """By 1 %."""
    data.flat[data.size // 2] *= np.float32(1.01)


def scale_a_filter(data: NDArray[Any]) -> None:
    """By 1 %."""
    data[len(data) // 2] *= np.float32(1.01)


def excused_by_margin(model: Any, images: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The rule of earlier versions: whatever the logits of an image are, it is excused if in Keras any quantiser's
    input lies within 1e-5 of a threshold, where n (x + 1) / 2 + 1/2 is whole, n = 2^k - 1.
    """
    from edgehybrid.model.compat import keras
    from edgehybrid.model.layers import ScaledQuantConv2D

    quantised = [layer for layer in model.layers if isinstance(layer, ScaledQuantConv2D)]
    inputs = keras.Model(model.input, [layer.input for layer in quantised])(images, training=False)
    excused = np.zeros(len(images), bool)
    for layer, x in zip(quantised, inputs, strict=True):
        levels = 2.0**layer.input_quantizer.precision - 1
        position = (np.clip(np.asarray(x, np.float64), -1, 1) + 1) * levels / 2 + 0.5
        distance = np.abs(position - np.rint(position)) * 2 / levels
        excused |= distance.reshape(len(images), -1).min(axis=1) <= 1e-5
    return excused
