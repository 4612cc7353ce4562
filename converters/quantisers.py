"""Finds the quantisers of a graph: chains of elementwise operators that give a map one of a few values.

Nothing is matched by name. A chain of operators with one map and scalars otherwise is a function of one float; it is a
quantiser if that function has few values and rises, or falls, with its argument. So every way to write a sign is found,
and what looks like one but is not, is not: ``tf.sign(0)`` is 0, a third value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.graph import Graph, Node, Value

Floats = NDArray[np.float32]

# Values of four bits. More would be as many planes, and 8 bits have kernels of their own.
MOST_LEVELS = 16
# A value of the quantiser may be off its place on the even scale by what float32 rounds away.
SPACING_TOLERANCE = 1e-5

ACTIVATIONS: Mapping[int, tuple[float, float]] = {
    0: (-np.inf, np.inf),
    1: (0.0, np.inf),
    2: (-1.0, 1.0),
    3: (0.0, 6.0),
}
_UNARY: Mapping[str, Callable[[Floats], Any]] = {
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "ROUND": np.rint,
    "SIGN": np.sign,
    "ABS": np.abs,
    "NEG": np.negative,
    "RELU": lambda x: np.maximum(x, 0),
    "RELU6": lambda x: np.clip(x, 0, 6),
    "RELU_N1_TO_1": lambda x: np.clip(x, -1, 1),
    "LOGICAL_NOT": np.logical_not,
}
_BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "ADD": np.add,
    "SUB": np.subtract,
    "MUL": np.multiply,
    "DIV": np.divide,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
}
_SELECTS = ("SELECT", "SELECT_V2")
# What takes truth values; arithmetic does not.
_OF_BOOLEANS = ("CAST", "LOGICAL_NOT", "RESHAPE", *_SELECTS)
_TYPES = ("float32", "bool", "int32", "int8", "int64")


@dataclass(frozen=True, eq=False)
class Quantiser:
    r"""A map of evenly spaced values, and the map that it is made from:

    $$a = u \sum_i s_i + d, \qquad s_i = +1 \text{ where } x \ge \theta_i, \text{ else } -1$$

    Attributes:
        source: x, float32.
        thresholds: θ, ascending, each the least float that reaches the next value.
        unit: u; below 0 where the values fall as x rises.
        offset: d, the middle of the values.
        shape: of the quantised map; the source may be shaped otherwise.
    """

    source: Value
    thresholds: tuple[float, ...]
    unit: float
    offset: float
    shape: tuple[int, ...]

    @property
    def is_sign(self) -> bool:
        """Whether it gives -1 and +1, and +1 at 0."""
        return self.thresholds == (0.0,) and self.unit == 1.0 and self.offset == 0.0

    def level(self, value: float) -> int | None:
        """How many thresholds a map's ``value`` has behind it, or None where it is none of the quantiser's."""
        count = len(self.thresholds)
        steps = ((value - self.offset) / self.unit + count) / 2
        rounded = round(steps)
        return rounded if 0 <= rounded <= count and abs(steps - rounded) <= SPACING_TOLERANCE * count else None


@dataclass(frozen=True)
class NoQuantiser:
    """Why a map that has few values cannot be packed, and what to change; both empty where nothing quantises it."""

    reason: str = ""
    fix: str = ""


def quantiser_of(graph: Graph, value: Value) -> Quantiser | NoQuantiser:
    """What quantises a map: the shortest chain before it that is a step function."""
    chain: list[Node] = []
    at = value
    problem = NoQuantiser()
    while (node := graph.producer(at)) is not None and (source := _variable(node)) is not None:
        if node in chain:
            # In a damaged file an operator may read what it leads to.
            break
        chain.insert(0, node)
        at = source
        if at.type_name != "float32":
            continue
        found = _steps_of(chain, at, graph.producer(at), value.shape)
        if isinstance(found, Quantiser):
            return found
        problem = problem if problem.reason else found
    return problem


def _variable(node: Node) -> Value | None:
    """The only input of an elementwise operator that is a map, if all others are scalars."""
    maps = [value for value in node.inputs if value is not None and not value.is_constant]
    is_known = node.op in _UNARY or node.op in _BINARY or node.op in _SELECTS or node.op in ("CAST", "RESHAPE")
    if len(maps) != 1 or not is_known or node.output.type_name not in _TYPES:
        return None
    if maps[0].type_name not in _TYPES or (maps[0].type_name == "bool" and node.op not in _OF_BOOLEANS):
        return None
    if (node.op in _BINARY and len(node.inputs) != 2) or (node.op in _SELECTS and len(node.inputs) != 3):
        return None
    if node.op in _SELECTS and maps[0] is not node.read(0):
        return None
    if node.op == "RESHAPE":
        return maps[0]
    return maps[0] if all(_scalar(value) is not None for value in node.inputs if value is not maps[0]) else None


def _scalar(value: Value | None) -> Any:
    """The one value of a constant, which may be stored once or for each element."""
    if value is None or value.data is None or value.data.size == 0:
        return None
    first = value.data.reshape(-1)[0]
    return first if np.all(value.data == first) else None


def _steps_of(
    chain: list[Node], source: Value, producer: Node | None, shape: tuple[int, ...]
) -> Quantiser | NoQuantiser:
    low, high = ACTIVATIONS.get((producer.options if producer else {}).get("fused_activation_function", 0), (0.0, 0.0))
    every = _samples()
    ends = [np.float32(end) for end in (low, high) if np.isfinite(end)]
    samples = np.unique(np.concatenate([every[(every >= low) & (every <= high)], np.array(ends, np.float32)]))
    values = _apply(chain, samples)
    if not np.all(np.isfinite(values)) or len(np.unique(values)) > MOST_LEVELS or len(np.unique(values)) < 2:
        return NoQuantiser()
    changes = np.flatnonzero(np.diff(values))
    rises = values[-1] > values[0]
    if np.any((np.diff(values)[changes] > 0) != rises):
        return NoQuantiser("its values rise and fall", "quantise by a function that only rises, or only falls")
    thresholds: list[float] = []
    levels = [float(values[0])]
    for index in changes:
        for threshold, level in _between(chain, samples[index], samples[index + 1]):
            thresholds.append(threshold)
            levels.append(level)
    if any(np.nextafter(np.float32(low), np.float32(np.inf)) >= high for low, high in pairwise(thresholds)):
        return NoQuantiser(
            "0 has a value of its own, as tf.sign gives it",
            "quantise with tf.where(x >= 0, 1.0, -1.0), or with Larq's ste_sign, in place of tf.sign",
        )
    steps = np.diff(levels)
    if np.ptp(steps) > SPACING_TOLERANCE * np.abs(steps).max() * len(levels):
        return NoQuantiser(
            f"its values are not evenly spaced: {', '.join(f'{level:g}' for level in levels)}",
            "quantise to evenly spaced values",
        )
    unit, offset = (levels[-1] - levels[0]) / (2 * len(thresholds)), (levels[-1] + levels[0]) / 2
    if abs(offset) <= SPACING_TOLERANCE * abs(unit):
        offset = 0.0
    return Quantiser(source, tuple(thresholds), unit, offset, shape)


def _apply(chain: list[Node], x: Floats) -> Floats:
    """The chain's function, elementwise, in the arithmetic of its operators."""
    y: Any = x
    with np.errstate(all="ignore"):
        for node in chain:
            y = _apply_node(node, y)
    # Adding 0 makes -0.0 the 0 that it equals.
    values: Floats = np.asarray(y, np.float32) + np.float32(0)
    return values


def _apply_node(node: Node, x: Any) -> Any:
    if node.op == "RESHAPE":
        return x
    if node.op == "CAST":
        return x.astype(node.output.type_name)
    if node.op in _UNARY:
        return _UNARY[node.op](x)
    operands = [x if value is not None and not value.is_constant else _scalar(value) for value in node.inputs]
    if node.op in _SELECTS:
        return np.where(operands[0], operands[1], operands[2])
    low, high = ACTIVATIONS.get(node.options.get("fused_activation_function", 0), (-np.inf, np.inf))
    y = _BINARY[node.op](operands[0], operands[1])
    return y if y.dtype == bool or (low, high) == ACTIVATIONS[0] else np.clip(y, np.float32(low), np.float32(high))


def _between(chain: list[Node], low: np.float32, high: np.float32) -> list[tuple[float, float]]:
    """The thresholds in (low, high] with the value behind each, by bisection over all floats between."""
    first, last = float(_apply(chain, np.array([low]))[0]), float(_apply(chain, np.array([high]))[0])
    found = []
    begin, end = _ordinal(low), _ordinal(high)
    while first != last:
        same, other = begin, end
        while other - same > 1:
            middle = (same + other) // 2
            if float(_apply(chain, np.array([_float(middle)]))[0]) == first:
                same = middle
            else:
                other = middle
        begin = other
        first = float(_apply(chain, np.array([_float(begin)]))[0])
        found.append((float(_float(begin)), first))
    return found


@cache
def _samples() -> Floats:
    """Floats of all sizes, close around 1: a step function changes between two of them."""
    parts = [np.array([0.0, np.finfo(np.float32).smallest_subnormal], np.float32)]
    for exponent in range(-126, 128):
        density = 256 if -12 <= exponent <= 8 else 8
        parts.append(np.ldexp(1 + np.arange(density) / density, exponent).astype(np.float32))
    positive = np.concatenate(parts)
    samples: Floats = np.unique(np.concatenate([-positive, positive]))
    return samples


def _ordinal(value: np.float32) -> int:
    """Numbers floats in their order; both zeros are 0."""
    bits = int(np.float32(value).view(np.int32))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


def _float(ordinal: int) -> np.float32:
    magnitude = np.array(abs(ordinal), np.int32).view(np.float32)
    return np.float32(magnitude if ordinal >= 0 else -magnitude)
