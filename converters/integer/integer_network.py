"""A network of levels as steps on integers, and the slow, obvious way to run it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.integer.level_thresholds import Integers, Reals, apply_thresholds

# Stored pixels are 8-bit integers with a sign.
PIXEL_ZERO = 128


@dataclass(frozen=True, eq=False)
class Thresholds:
    """What stands for a BatchNorm and the quantiser behind it.

    Attributes:
        table: (C, 4), as ``thresholds_of`` gives them.
        normalisation: the BatchNorm's node.
        scales: (C,), what 1 of the integers that are compared is worth to it.
        least, most: what these integers can be, (C,).
    """

    table: Integers
    normalisation: str
    scales: Reals
    least: Integers
    most: Integers


@dataclass(frozen=True, eq=False)
class Levels:
    """The levels of a map of integers: of the image by a table (C, 4), of others in place of a BatchNorm."""

    name: str
    source: str
    thresholds: Thresholds | Integers


@dataclass(frozen=True, eq=False)
class Convolution:
    """The sums of a map of levels with filters of ±1, with a border of level 0 as TensorFlow pads.

    Attributes:
        filters: int8 (O, k, k, I).
        residual: the map of integers that is added, if any.
        thresholds: where the levels of the sums are what is given.
        scales: (O,), what 1 of the sums is worth in the float network.
        least, most: what each channel's sums can be, (O,), the residual included.
    """

    name: str
    source: str
    filters: NDArray[np.int8]
    stride: int
    residual: str | None
    thresholds: Thresholds | None
    scales: Reals
    least: Integers
    most: Integers


@dataclass(frozen=True, eq=False)
class Scores:
    """The sum of each channel's integers over the map, times one float32 a channel."""

    name: str
    source: str
    multipliers: NDArray[np.float32]


Step = Levels | Convolution | Scores


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Steps in the order of execution. They start at ``image``, pixels less 128, and the last one gives the logits."""

    image_side: int
    image_channels: int
    steps: tuple[Step, ...]

    def values(self, images: NDArray[np.float32]) -> Mapping[str, NDArray[Any]]:
        """What each step gives: levels and sums int64 (n, side, side, C), logits float32 (n, classes).

        Args:
            images: pixels / 255, (n, side, side, channels).
        """
        values: dict[str, NDArray[Any]] = {"image": np.rint(images * 255).astype(np.int64) - PIXEL_ZERO}
        for step in self.steps:
            values[step.name] = _apply(step, values)
        return values

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, classes)."""
        logits: NDArray[np.float32] = self.values(images)[self.steps[-1].name]
        return logits


def _apply(step: Step, values: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    source = values[step.source]
    if isinstance(step, Levels):
        return apply_thresholds(source, table_of(step.thresholds))
    if isinstance(step, Scores):
        scores: NDArray[np.float32] = source.sum(axis=(1, 2)).astype(np.float32) * step.multipliers
        return scores
    sums = convolve(source, step.filters, step.stride)
    if step.residual is not None:
        sums = sums + values[step.residual]
    return sums if step.thresholds is None else apply_thresholds(sums, step.thresholds.table)


def table_of(thresholds: Thresholds | Integers) -> Integers:
    """(C, 4), as ``thresholds_of`` gives them."""
    return thresholds.table if isinstance(thresholds, Thresholds) else thresholds


def convolve(levels: Integers, filters: NDArray[np.int8], stride: int) -> Integers:
    """Sums (n, M, M, O) of levels (n, N, N, I) with filters (O, k, k, I), M = ceil(N / stride)."""
    side, kernel = levels.shape[1], filters.shape[1]
    out = -(-side // stride)
    padding = max((out - 1) * stride + kernel - side, 0)
    before = padding // 2
    bordered = np.pad(levels, ((0, 0), *[(before, padding - before)] * 2, (0, 0)))
    total = np.zeros((len(levels), out, out, len(filters)), np.int64)
    for y in range(kernel):
        for x in range(kernel):
            seen = bordered[:, y : y + (out - 1) * stride + 1 : stride, x : x + (out - 1) * stride + 1 : stride]
            # float64 holds these integers exactly, and is multiplied a hundred times as fast.
            total += (seen.astype(np.float64) @ filters[:, y, x].T.astype(np.float64)).astype(np.int64)
    return total
