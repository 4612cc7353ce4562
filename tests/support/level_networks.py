"""Random networks of levels as flatbuffers, and what whole numbers in NumPy give for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from lce_layers import words_of
from numpy.typing import NDArray

from converters.graph import Graph, Node, Value, constant
from converters.graph_file import flatbuffer_of

Integers = NDArray[np.int64]
CHANNELS = (1, 2, 15, 16, 17, 31, 32, 33, 64, 65)
ALWAYS, NEVER = -(2**31), 2**31 - 1
IMAGE = (1, 7, 6, 3)


def levels_of(numbers: Integers, thresholds: Integers) -> Integers:
    """How many of (C, 4) thresholds t1, t2, t3, with their direction, numbers (n, h, w, C / k) have passed."""
    copies = thresholds.shape[0] // numbers.shape[-1]
    directed = np.tile(numbers, copies) * thresholds[:, 3]
    return (directed[..., None] >= thresholds[:, :3]).sum(-1)


def convolve(levels: Integers, weights: Integers, stride: tuple[int, int]) -> Integers:
    """SAME as TensorFlow pads; the border is the level 0. weights: (O, kh, kw, I)."""
    size, window = levels.shape[1:3], weights.shape[1:3]
    out = [-(-length // step) for length, step in zip(size, stride, strict=True)]
    lacking = [
        max((places - 1) * step + taps - length, 0)
        for places, step, taps, length in zip(out, stride, window, size, strict=True)
    ]
    padded = np.pad(levels, ((0, 0), *((lack // 2, lack - lack // 2) for lack in lacking), (0, 0)))
    total = np.zeros((len(levels), *out, len(weights)), np.int64)
    for y in range(window[0]):
        for x in range(window[1]):
            rows, columns = (slice(at, at + (n - 1) * s + 1, s) for at, n, s in zip((y, x), out, stride, strict=True))
            total += padded[:, rows, columns] @ weights[:, y, x].T
    return total


def scores_of(numbers: Integers, multiplier: NDArray[np.float32]) -> NDArray[np.float32]:
    return numbers.sum((1, 2)).astype(np.float32) * multiplier


def packed_filter(weights: Integers) -> NDArray[np.int32]:
    """(O, kh, kw, I) of ±1 as words; bit 1 is -1, bits behind the last channel are 0."""
    bits = np.zeros((*weights.shape[:3], words_of(weights.shape[3]) * 32), np.uint8)
    bits[..., : weights.shape[3]] = weights < 0
    return np.packbits(bits, -1, "little").view(np.int32)


def conv_options(channels_in: int, stride: tuple[int, int] = (1, 1)) -> dict[str, int]:
    return {"channels_in": channels_in, "stride_height": stride[0], "stride_width": stride[1]}


@dataclass
class LevelNetwork:
    """A network that grows node by node with the numbers that it gives for ``images``.

    Attributes:
        images: int8 (n, h, w, C), of the graph's input.
        is_float: whether the graph takes float32, and the host makes int8 of it.
        numbers: of each map and each packed map of levels.
        expected: of each output.
    """

    images: NDArray[np.int8]
    rng: np.random.Generator
    batch: int = 1
    is_float: bool = False
    nodes: list[Node] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    expected: list[NDArray[np.float32]] = field(default_factory=list)
    numbers: dict[Value, Integers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (self.batch, *self.images.shape[1:])
        self.input = self.image = Value("image", shape, "int8")
        if self.is_float:
            one = schema.QuantizationParametersT(scale=[1.0], zeroPoint=[0])
            self.input, self.image.quantization = Value("floats", shape), one
            self.nodes.append(Node("QUANTIZE", [self.input], [self.image]))
        self.numbers[self.image] = self.images.astype(np.int64)

    def flatbuffer(self) -> bytes:
        return flatbuffer_of(Graph([self.input], self.outputs, self.nodes))

    def levels(self, source: Value, copies: int = 1) -> Value:
        channels = source.shape[-1] * copies
        thresholds = self.thresholds(np.tile(self.numbers[source], copies))
        out = self._packed(levels_of(self.numbers[source], thresholds), channels)
        self._add("EdgehybridLevels", [source, self._constant(thresholds, np.int32)], out, {"channels": channels})
        return out

    def conv(
        self,
        source: Value,
        channels_out: int,
        kernel: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        residual: Value | None = None,
        gives_levels: bool = False,
    ) -> Value:
        levels = self.numbers[source]
        weights = self.rng.choice(np.array([-1, 1]), (channels_out, *kernel, levels.shape[-1]))
        numbers = convolve(levels, weights, stride)
        if residual is not None:
            numbers = numbers + self.numbers[residual]
        inputs = [source, self._constant(packed_filter(weights), np.int32)]
        if gives_levels:
            thresholds = self.thresholds(numbers)
            out = self._packed(levels_of(numbers, thresholds), channels_out)
            inputs += [self._constant(thresholds, np.int32), residual]
        else:
            is_small = np.abs(numbers).max() < 2**15 and self.rng.random() < 0.8
            shape = (self.batch, *numbers.shape[1:])
            out = self._computed(Value(self._name(), shape, "int16" if is_small else "int32"), numbers)
            # Absent ones may stand at the end, or not.
            inputs += [None, residual] if residual is not None or self.rng.random() < 0.5 else []
        self._add("EdgehybridConv2d", inputs, out, conv_options(levels.shape[-1], stride))
        return out

    def scores(self, source: Value) -> None:
        channels = source.shape[-1]
        multiplier = self.rng.normal(size=channels).astype(np.float32)
        self.outputs.append(Value(self._name(), (self.batch, channels)))
        self.expected.append(scores_of(self.numbers[source], multiplier))
        self._add("EdgehybridScores", [source, self._constant(multiplier, np.float32)], self.outputs[-1], {})

    def thresholds(self, numbers: Integers) -> Integers:
        """Of each channel: many that a number equals, some always or never passed, both directions."""
        channels = numbers.shape[-1]
        direction = self.rng.choice(np.array([-1, 1]), (channels, 1))
        seen = numbers.reshape(-1, channels).T * direction
        rows = self.rng.choice(seen, 3, axis=1) + self.rng.integers(-1, 2, (channels, 3))
        edges = np.array([ALWAYS, NEVER, -(2**24), 2**24, 0])
        rows = np.where(self.rng.random(rows.shape) < 0.1, self.rng.choice(edges, rows.shape), rows)
        return np.concatenate([np.sort(rows, 1), direction], 1)

    def _packed(self, numbers: Integers, channels: int) -> Value:
        shape = (self.batch, *numbers.shape[1:3], 2 * words_of(channels))
        return self._computed(Value(self._name(), shape, "int32"), numbers)

    def _computed(self, value: Value, numbers: Integers) -> Value:
        self.numbers[value] = numbers
        return value

    def _constant(self, data: NDArray[Any], dtype: type[Any]) -> Value:
        return constant(self._name(), data.astype(dtype))

    def _add(self, op: str, inputs: Sequence[Value | None], output: Value, options: dict[str, int]) -> None:
        self.nodes.append(Node(op, list(inputs), [output], options))

    def _name(self) -> str:
        return f"value{len(self.nodes)}_{self.rng.integers(1 << 40)}"


def random_network(seed: int, batch: int = 1, is_float: bool = False) -> LevelNetwork:
    """Layers of levels and of integers that read one another's maps, residuals among them."""
    rng = np.random.default_rng(seed)
    shape = (3, *rng.integers(1, 9, 2), rng.choice((1, 3)))
    images = rng.integers(-128, 128, shape).astype(np.int8)
    network = LevelNetwork(images, rng, batch, is_float)
    levels, maps = [network.levels(network.image, int(rng.integers(1, 12)))], list[Value]()
    for _ in range(rng.integers(1, 9)):
        source = levels[-1] if rng.random() < 0.7 else levels[rng.integers(len(levels))]
        kernel = tuple(rng.choice((1, 3), 2)) if rng.random() < 0.2 else (int(rng.choice((1, 3))),) * 2
        stride = (int(rng.choice((1, 1, 2))),) * 2
        size = tuple(-(-length // step) for length, step in zip(source.shape[1:3], stride, strict=True))
        residuals = [map_ for map_ in maps if map_.shape[1:3] == size]
        residual = residuals[rng.integers(len(residuals))] if residuals and rng.random() < 0.6 else None
        channels = int(rng.choice(CHANNELS)) if residual is None else residual.shape[-1]
        gives_levels = rng.random() < 0.4
        out = network.conv(source, channels, kernel, stride, residual, gives_levels)
        (levels if gives_levels else maps).append(out)
        if not gives_levels and rng.random() < 0.7:
            levels.append(network.levels(out))
    maps.append(network.conv(levels[-1], 10, (1, 1)))
    for index in {len(maps) - 1, *rng.integers(0, len(maps), rng.integers(0, 3))}:
        network.scores(maps[index])
    return network
