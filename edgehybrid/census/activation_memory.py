"""Memory in bits of the activations that are alive at the same time."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from edgehybrid.networks import FLOAT_BITS, Layer, Network, Node

T = TypeVar("T", bound=Hashable)

# Computed where the number stands, or by the operator that writes it.
IN_PLACE = ("batch_norm", "relu", "rprelu", "flatten")


def peak_activation_bits(network: Network) -> tuple[int, int]:
    """Bits of all maps alive at the worst moment of one inference: (every number in 32 bits, packed).

    Operators run in the order of the graph. A map lives from the operator that writes it to the last one that reads
    it; BatchNorm, ReLU and RPReLU need no map of their own, unless the map they read is read again. Packed, a map that
    only quantised layers of b bits read, directly or through pooling, is kept in b bits, for sign and maximum can be
    exchanged. The image is in 32 bits in both. Not counted: weights, padding, the work space of a runtime.
    """
    readers: dict[str, list[Node]] = {"image": [], **{node.name: [] for node in network.graph}}
    for node in network.graph:
        for name in node.inputs:
            readers[name].append(node)
    layers = {layer.name: layer for layer in network.layers}
    bits = _bits_needed(network, readers, layers)
    elements = map_elements(network)

    # Values that share a buffer have the name of the value that was written to it last.
    buffer: dict[str, str] = {}
    for node in reversed(network.graph):
        buffer.setdefault(node.name, node.name)
        source = node.inputs[0]
        if node.op in IN_PLACE and len(readers[source]) == 1 and source != "image":
            buffer[source] = buffer[node.name]
    buffer["image"] = "image"
    steps = [({buffer[name] for name in node.inputs}, {buffer[node.name]}) for node in network.graph]
    float_bits = {name: elements[name] * FLOAT_BITS for name in elements}
    packed_bits = {name: elements[name] * bits[name] for name in elements}
    return peak_bits({"image"}, steps, float_bits), peak_bits({"image"}, steps, packed_bits)


def peak_bits(start: set[T], steps: Sequence[tuple[set[T], set[T]]], bits: Mapping[T, int]) -> int:
    """The most bits alive at once.

    Args:
        start: buffers that are full before the first step.
        steps: for each operator in order, the buffers that it reads and those that it writes.
        bits: size of each buffer.
    """
    last_use = {buffer: step for step, (read, written) in enumerate(steps) for buffer in read | written}
    alive = set(start)
    live = sum(bits[buffer] for buffer in alive)
    peak = live
    for step, (read, written) in enumerate(steps):
        live += sum(bits[buffer] for buffer in written - alive)
        alive |= written
        peak = max(peak, live)
        done = {buffer for buffer in (read | written) & alive if last_use[buffer] == step}
        live -= sum(bits[buffer] for buffer in done)
        alive -= done
    return peak


def _bits_needed(network: Network, readers: dict[str, list[Node]], layers: dict[str, Layer]) -> dict[str, int]:
    """The width in which each value must be kept for those who read it."""
    bits = {"image": FLOAT_BITS}
    for node in reversed(network.graph):
        needs = [FLOAT_BITS] if not readers[node.name] else []
        for reader in readers[node.name]:
            if reader.op == "layer":
                layer = layers[reader.name]
                reads_real = layer.is_float or (layer.is_split and layer.float_filter_input == "real")
                needs.append(FLOAT_BITS if reads_real else layer.activation_bits)
            elif reader.op in ("max_pool", "flatten") or (reader.op in IN_PLACE and len(readers[node.name]) == 1):
                needs.append(bits[reader.name])
            else:
                needs.append(FLOAT_BITS)
        bits[node.name] = max(needs)
    return bits


def map_elements(network: Network) -> dict[str, int]:
    """Number of elements, for one image, of the image and of the output of each node, by name."""
    return {name: side**2 * channels for name, (side, channels) in map_shapes(network).items()}


def map_shapes(network: Network) -> dict[str, tuple[int, int]]:
    """Side and channels of the image and of the output of each node, by name."""
    layers = {layer.name: layer for layer in network.layers}
    maps = {"image": (network.image_side, network.image_channels)}
    for node in network.graph:
        side, channels = maps[node.inputs[0]]
        if node.op == "layer":
            side, channels = layers[node.name].out_side, layers[node.name].out_channels
        elif node.op == "max_pool":
            side //= 2
        elif node.op == "average_pool":
            side = -(-side // 2)
        elif node.op == "global_average_pool":
            side = 1
        elif node.op == "flatten":
            side, channels = 1, side**2 * channels
        elif node.op == "thermometer":
            channels *= network.thermometer_channels
        maps[node.name] = (side, channels)
    return maps
