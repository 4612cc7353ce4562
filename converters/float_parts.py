"""A packed flatbuffer → the same with its full-precision layers in 8 bits, ranges of maps by representative images."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from converters.edits.quantise_float_layers import Range, float_layers, quantise_float_layers
from converters.graph import Graph, Node, Value
from converters.graph_file import flatbuffer_of, graph_of
from converters.pack import Packed
from converters.taps import tapped
from edgehybrid.errors import ConversionError
from edgehybrid.runtime.every_output import every_output


def with_int8_float_parts(
    packed: Packed, representative: NDArray[np.float32], metadata: Mapping[str, bytes] | None = None
) -> Packed:
    """The flatbuffer with every layer of ``float_layers`` in 8 bits, and its taps where they stand now.

    Args:
        representative: normalised images (n, side, side, channels), whose maps give the ranges.

    Raises:
        ConversionError: it has no such layer.
    """
    graph = graph_of(packed.content)
    layers = float_layers(graph)
    if not layers:
        raise ConversionError(
            "The model has no full-precision layer to store in 8 bits.",
            received="--float-parts int8",
            next_step="Leave --float-parts out.",
        )
    computed = [node.output for node in graph.nodes]
    quantise_float_layers(graph, ranges_of(graph, layers, representative))
    # A tap stays at the value; a layer's is now given by the DEQUANTIZE behind it.
    place = {id(node.output): index for index, node in enumerate(graph.nodes)}
    taps = [replace(tap, node=place[id(computed[tap.node])]) for tap in packed.taps]
    return Packed(flatbuffer_of(graph, metadata), packed.left, taps)


def ranges_of(graph: Graph, layers: list[Node], images: NDArray[np.float32]) -> dict[int, Range]:
    """``id`` of each value that the layers read or write → its lowest and highest number over all images."""
    values: dict[int, Value] = {}
    for node in layers:
        values |= {id(value): value for value in (node.inputs[0], node.output) if value is not None}
    inputs = {id(value) for value in graph.inputs}
    computed = [index for index, node in enumerate(graph.nodes) if id(node.output) in values]
    run = every_output(flatbuffer_of(tapped(graph, computed)))
    found = dict.fromkeys(values, (np.inf, -np.inf))
    for image in images:
        maps = run(image[None])[len(graph.outputs) :]
        numbers = {id(graph.nodes[index].output): each for index, each in zip(computed, maps, strict=True)}
        numbers |= dict.fromkeys(inputs & values.keys(), image)
        for number, each in numbers.items():
            low, high = found[number]
            found[number] = (min(low, float(each.min())), max(high, float(each.max())))
    return found
