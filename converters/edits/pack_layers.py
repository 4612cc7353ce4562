"""Convolutions and dense layers of quantised maps and quantised weights become binary convolutions.

With a = u Σ_i s_i + d (``quantisers.py``) and W = c Σ_j 2^{e_j} P_j (``filter_planes.py``) a layer is

    a * W + b = u c Σ_{i,j} 2^{e_j} (s_i * P_j) + d ΣW + b

The sums are whole numbers, exact in float32 in any order, as long as they stay below 2^24; c, u and b come behind them.

Borders: packed maps hold no 0. One of the highest value is a border of +1 in every plane, what LceBconv2d calls padding
with 1; one of the lowest is that of the complements -s_i; 0 between the values of a symmetric quantiser is padding
with 0, exact too; a border that is no SAME border is added to the float map, and quantised with it.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.edits.bit_planes import BitPlanes, reshape
from converters.filter_planes import FilterPlanes, filter_planes, packed_words
from converters.graph import ACTIVATION_OPS, Graph, Node, Value, constant
from converters.quantisers import NoQuantiser, Quantiser, quantiser_of

SAME, VALID = 0, 1
# Whole numbers of this size and less are floats.
LARGEST_EXACT_SUM = 2**24


@dataclass(frozen=True)
class NotPacked:
    """A layer that reads or holds quantised values and stays in float32; ``is_half``: it does not both."""

    layer: str
    reason: str
    fix: str
    is_half: bool = False


@dataclass(frozen=True, eq=False)
class _Layer:
    """A convolution: its input before the border, as an OHWI filter over (1, H, W, C)."""

    node: Node
    source: Value
    shape: tuple[int, ...]
    pads: NDArray[Any] | None  # of each axis, before and behind
    pad_value: float
    weights: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Border:
    """Which map a binary convolution reads, and what it finds beyond its edge.

    Attributes:
        added: amounts and level of a border that is first added to the map.
    """

    quantiser: Quantiser
    shape: tuple[int, ...]
    padding: int
    pad_values: int
    is_complement: bool = False
    added: tuple[NDArray[Any], int] | None = None


@dataclass(frozen=True, eq=False)
class Packable:
    """A layer that becomes binary convolutions: one for each plane of its inputs and each of its weights."""

    layer: _Layer
    quantiser: Quantiser
    filters: FilterPlanes
    border: _Border


def pack_layers(graph: Graph) -> list[NotPacked]:
    """Packs every layer that can be packed.

    Returns:
        those with something binary about them that stay in float32.
    """
    planes = BitPlanes(graph)
    left: list[NotPacked] = []
    for node in list(graph.nodes):
        found = examine(graph, node)
        if isinstance(found, NotPacked):
            left.append(found)
        elif found is not None:
            _pack(graph, planes, found)
    graph.prune()
    return left


def examine(graph: Graph, node: Node) -> Packable | NotPacked | None:
    """Whether an operator is a layer that can be packed; None where nothing about it is binary. Edits nothing."""
    layer = _layer_of(graph, node)
    if layer is None:
        return None
    quantiser = quantiser_of(graph, layer.source)
    name = node.output.name
    filters = filter_planes(layer.weights)
    if isinstance(quantiser, NoQuantiser) and quantiser.reason:
        reason = f"its input is not packed: {quantiser.reason}"
        return NotPacked(name, reason, quantiser.fix, is_half=filters is None)
    if isinstance(quantiser, NoQuantiser):
        if filters is not None and len(filters.planes) == 1 and layer.weights.shape[-1] > 1:
            return NotPacked(name, "weights of ±1, but inputs in full precision", "quantise its inputs, too", True)
        return None
    if filters is None:
        return NotPacked(name, "inputs of few values, but weights in full precision", "quantise its weights, too", True)
    problem = _problem(layer, quantiser, filters)
    if problem is not None:
        return NotPacked(name, *problem)
    border = _border(layer, quantiser)
    if isinstance(border, tuple):
        return NotPacked(name, *border)
    return Packable(layer, quantiser, filters, border)


def _layer_of(graph: Graph, node: Node) -> _Layer | None:
    value, weights = node.read(0), node.constant(1)
    if weights is None or weights.dtype != np.float32 or value is None or value.is_constant:
        return None
    if node.op == "FULLY_CONNECTED" and node.options.get("weights_format", 0) == 0:
        return _dense_layer(graph, node, value, weights)
    if node.op != "CONV_2D":
        return None
    pad = graph.producer(value)
    if pad is not None and pad.op in ("PAD", "PADV2") and (pads := pad.constant(1)) is not None:
        fill = pad.constant(2) if pad.op == "PADV2" else np.zeros(1, np.float32)
        only_sides = pads.shape == (4, 2) and not pads[0].any() and not pads[3].any()
        source = pad.read(0)
        if fill is not None and fill.size == 1 and np.isfinite(fill) and only_sides and source is not None:
            return _Layer(node, source, source.shape, pads, float(fill.item()), weights)
    return _Layer(node, value, value.shape, None, 0.0, weights)


def _dense_layer(graph: Graph, node: Node, value: Value, weights: NDArray[np.float32]) -> _Layer | None:
    """As a convolution whose window is the whole map, if that is what was flattened; else a 1×1 convolution."""
    shape = value.shape
    flatten = graph.producer(value)
    source = flatten.read(0) if flatten is not None and flatten.op == "RESHAPE" else None
    if source is not None:
        whole = source.shape
        if len(whole) == 4 and whole[0] == shape[0] == 1 and math.prod(whole) == weights.shape[1]:
            return _Layer(node, source, whole, None, 0.0, weights.reshape(len(weights), *whole[1:]))
    if shape[0] != 1:
        return None
    return _Layer(node, value, (1, 1, 1, shape[-1]), None, 0.0, weights.reshape(len(weights), 1, 1, -1))


def _problem(layer: _Layer, quantiser: Quantiser, filters: FilterPlanes) -> tuple[str, str] | None:
    """Why there can be no binary convolutions, and what to change."""
    kernel_h, kernel_w, inputs = layer.weights.shape[1:]
    groups = layer.shape[-1] // inputs
    if groups > 1 and inputs % 32:
        return (
            f"groups of {inputs} input channels",
            "words hold 32 channels of one group: make the group's channels a multiple of 32",
        )
    largest = kernel_h * kernel_w * inputs * len(quantiser.thresholds) * sum(2**e for e in filters.exponents)
    if largest > LARGEST_EXACT_SUM:
        return f"sums up to {largest} are no longer exact in float32", "use fewer bits or a smaller window"
    return None


def _pack(graph: Graph, planes: BitPlanes, found: Packable) -> None:
    """Adds the binary convolutions."""
    layer, quantiser, filters, border = found.layer, found.quantiser, found.filters, found.border
    if border.added is not None:
        padded = planes.padded(quantiser, *border.added)
        border = replace(border, quantiser=padded, shape=padded.shape)
    maps = planes.of(border.quantiser, border.is_complement, border.shape)
    sign = -1.0 if border.is_complement else 1.0
    unit = quantiser.unit * filters.scales
    bias = layer.node.constant(2) if len(layer.node.inputs) > 2 else None
    rest = quantiser.offset * filters.sums() + (0.0 if bias is None else bias.astype(np.float64))
    is_one = len(maps) == len(filters.planes) == 1
    terms = []
    for e, plane in zip(filters.exponents, filters.planes, strict=True):
        words = constant(f"{layer.node.output.name}/filter", packed_words(plane))
        for packed in maps:
            scales = sign * unit if is_one else np.full(len(plane), sign * 2.0**e)
            terms.append(_binary_convolution(layer, border, packed, words, scales, rest if is_one else 0 * rest))
    nodes = list(terms)
    if is_one:
        total = terms[0].output
    else:
        total = _sum(nodes, [term.output for term in terms])
        total = _with_vector(nodes, "MUL", total, unit)
        total = _with_vector(nodes, "ADD", total, rest)
    # Before the activation, too, which may be the first operator of the next quantiser.
    total.computes = layer.node.output.computes
    activation = layer.node.options.get("fused_activation_function", 0)
    if activation:
        active = Value(f"{layer.node.output.name}/activation", total.shape)
        nodes.append(Node(ACTIVATION_OPS[activation], [total], [active]))
        total = active
    if total.shape != layer.node.output.shape:
        shaped = Value(f"{layer.node.output.name}/shaped", layer.node.output.shape)
        nodes.append(reshape(total, shaped))
        total = shaped
    graph.insert_after(layer.node, nodes)
    name = layer.node.output.name
    graph.replace(layer.node.output, total)
    total.name = name


def _border(layer: _Layer, quantiser: Quantiser) -> _Border | tuple[str, str]:
    shape, padding = layer.shape, int(layer.node.options.get("padding", SAME))
    if layer.node.op == "FULLY_CONNECTED":
        return _Border(quantiser, shape, VALID, 1)
    level = quantiser.level(layer.pad_value)
    pads = np.array([[0, 0], *_same_pads(layer), [0, 0]])
    is_same = padding == SAME
    if layer.pads is not None:
        if padding != VALID:
            return "a border of two kinds", "use padding='valid' behind an explicit border"
        is_same = bool(np.array_equal(layer.pads, pads))
        pads = layer.pads
    if not pads.any() or not (is_same or layer.pads is not None):
        return _Border(quantiser, shape, VALID, 1)
    if is_same and level == len(quantiser.thresholds):
        return _Border(quantiser, shape, SAME, 1)
    if is_same and level == 0:
        return _Border(quantiser, shape, SAME, 1, is_complement=True)
    if is_same and layer.pad_value == 0 == quantiser.offset:
        return _Border(quantiser, shape, SAME, 0)
    if level is not None and quantiser.source.shape == shape:
        return _Border(quantiser, shape, VALID, 1, added=(pads, level))
    return (
        f"a border of {layer.pad_value:g}, which is no value of its input's",
        "pad with its highest value: pad_values=1.0 for signs",
    )


def _same_pads(layer: _Layer) -> list[list[int]]:
    """What padding='same' adds to a map: above and below, left and right."""
    options = layer.node.options
    pads = []
    for axis, letter in ((1, "h"), (2, "w")):
        stride = max(1, int(options.get(f"stride_{letter}", 1)))
        window = (layer.weights.shape[axis] - 1) * int(options.get(f"dilation_{letter}_factor", 1)) + 1
        size = layer.shape[axis]
        total = max(0, (-(-size // stride) - 1) * stride + window - size)
        pads.append([total // 2, total - total // 2])
    return pads


def _binary_convolution(
    layer: _Layer,
    border: _Border,
    packed: Value,
    words: Value,
    scales: NDArray[np.float64],
    bias: NDArray[np.float64],
) -> Node:
    options, out = layer.node.options, layer.node.output
    is_dense = layer.node.op == "FULLY_CONNECTED"
    shape = (1, 1, 1, out.shape[-1]) if is_dense else out.shape
    return Node(
        "LceBconv2d",
        [
            packed,
            words,
            constant("multiplier", scales.astype(np.float32)),
            constant("bias", bias.astype(np.float32)),
            None,
        ],
        [Value(f"{out.name}/binary", shape)],
        {
            "channels_in": border.shape[-1],
            "dilation_height_factor": int(options.get("dilation_h_factor", 1)),
            "dilation_width_factor": int(options.get("dilation_w_factor", 1)),
            "fused_activation_function": 0,
            "pad_values": border.pad_values,
            "padding": border.padding,
            "stride_height": 1 if is_dense else int(options.get("stride_h", 1)),
            "stride_width": 1 if is_dense else int(options.get("stride_w", 1)),
        },
    )


def _sum(nodes: list[Node], terms: list[Value]) -> Value:
    total = terms[0]
    for term in terms[1:]:
        added = Value(f"{term.name}/sum", term.shape)
        nodes.append(Node("ADD", [total, term], [added]))
        total = added
    return total


def _with_vector(nodes: list[Node], op: str, value: Value, vector: Any) -> Value:
    done = Value(f"{value.name}/{op.lower()}", value.shape)
    nodes.append(Node(op, [value, constant(op.lower(), np.asarray(vector, np.float32))], [done]))
    return done
