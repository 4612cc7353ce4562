"""Filters of a few values as sums of filters of ±1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Largest odd number of the even scales that are tried: one, two, three and four bits; 2 stands for -1, 0 and +1. A
# number below 0 is the lowest of two's complement: -2 … 1, -4 … 3, -8 … 7, which take a plane more than their bits.
_SCALES = (1, 2, 3, -2, 7, -4, 15, -8)
# A weight may be off its place by what the folding of scale and BatchNorm into it rounds away.
TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class FilterPlanes:
    r"""A filter (O, H, W, I) as

    $$W_o = c_o \sum_j 2^{e_j} P_{j,o}, \qquad P_j \in \{-1, +1\}$$

    Attributes:
        scales: c, float64 (O,).
        exponents: e, one a plane.
        planes: P, int8 (O, H, W, I) each.
    """

    scales: NDArray[np.float64]
    exponents: tuple[int, ...]
    planes: tuple[NDArray[np.int8], ...]

    @property
    def bits(self) -> int:
        """Of a weight: the planes, but for the one that two's complement has besides its digits."""
        is_complement = len(self.planes) > 2 and self.exponents.count(0) > 1
        return len(self.planes) - is_complement

    def sums(self) -> NDArray[np.float64]:
        """The sum of each filter's weights, float64 (O,)."""
        total = np.zeros_like(self.scales)
        for exponent, plane in zip(self.exponents, self.planes, strict=True):
            total += self.scales * 2.0**exponent * plane.sum(axis=(1, 2, 3), dtype=np.float64)
        return total


def filter_planes(weights: NDArray[np.float32]) -> FilterPlanes | None:
    r"""Splits a filter, or returns None where some filter o has weights of more values.

    On the scale of 2^k - 1 every weight is an odd number of c_o, a sum of k digits ±2^j: with w = c (2 b - (2^k - 1))
    the digit j is +1 where bit j of b is 1. A filter need not reach the ends of the scale: its largest weight is tried
    as each of the odd numbers. Weights -1, 0 and +1 are half the sum of two planes, both of which are the sign, but for
    a 0, where they are +1 and -1.

    Two's complement of k bits, c v with v = b - 2^(k-1), is c/2 (2 b - (2^k - 1) - 1): those digits and a plane of -1.
    """
    # One filter tells of most layers in full precision that they are.
    if len(weights) > 1 and filter_planes(weights[:1]) is None:
        return None
    if not np.isfinite(weights).all():
        return None
    flat = np.asarray(weights, np.float64).reshape(len(weights), -1)
    largest = np.abs(flat).max(axis=1)
    for scale in _SCALES:
        odd = _on_scale(flat, largest, scale) if scale > 0 else _whole_numbers(flat, scale)
        if odd is None:
            continue
        # The mean over the filter: what rounding did to one weight is not what it did to another.
        scales = (flat * odd).sum(axis=1) / (odd * odd).sum(axis=1).clip(1e-300)
        if scale == 2:
            planes = [np.where(odd >= 0, 1, -1), np.where(odd > 0, 1, -1)]
            exponents: tuple[int, ...] = (0, 0)
        elif scale < 0:
            # A filter of zeros has any scale but 0, which would not tell that these are planes.
            digits, scales = (odd - scale).astype(np.int64), np.where(odd.any(axis=1), scales, 1.0) / 2
            exponents = (*range((-scale).bit_length())[::-1], 0)
            planes = [*(2 * (digits >> e & 1) - 1 for e in exponents[:-1]), np.full_like(digits, -1)]
        else:
            digits = ((odd + scale) / 2).astype(np.int64)
            exponents = tuple(range(scale.bit_length()))[::-1]
            planes = [2 * (digits >> e & 1) - 1 for e in exponents]
        return FilterPlanes(scales, exponents, tuple(plane.astype(np.int8).reshape(weights.shape) for plane in planes))
    return None


def _on_scale(flat: NDArray[np.float64], largest: NDArray[np.float64], scale: int) -> NDArray[np.float64] | None:
    """The number on the scale that each weight (O, n) is a multiple of; None where some filter has others.

    Args:
        largest: of each filter's weights, (O,).
    """
    odd = np.empty_like(flat)
    # A filter of zeros has the scale 0 and any planes.
    odd[largest == 0] = scale
    left = np.flatnonzero(largest)
    for most in range(scale, 0, -2):
        exact = flat[left] * (most / largest[left])[:, None]
        nearest = 2 * np.round((exact + scale) / 2) - scale
        fits = np.abs(exact - nearest).max(axis=1, initial=0) <= TOLERANCE * most
        odd[left[fits]] = nearest[fits]
        left = left[~fits]
        if not len(left):
            return odd
    return None


def _whole_numbers(flat: NDArray[np.float64], lowest: int) -> NDArray[np.float64] | None:
    """The number ``lowest`` … -``lowest`` - 1 that each weight (O, n) is of its filter's unit; None where some is none.

    The least numbers of each filter: a factor more in them would be one less in the unit, which then may be inexact.
    """
    whole = np.zeros_like(flat)
    largest = np.abs(flat).max(axis=1)
    left = np.flatnonzero(largest)
    for most in range(1, 1 - lowest):
        exact = flat[left] * (most / largest[left])[:, None]
        nearest = np.round(exact)
        fits = (np.abs(exact - nearest).max(axis=1, initial=0) <= TOLERANCE * most) & (nearest.max(axis=1) < -lowest)
        whole[left[fits]] = nearest[fits]
        left = left[~fits]
        if not len(left):
            return whole
    return None


def packed_words(plane: NDArray[np.int8]) -> NDArray[np.int32]:
    """±1 (O, H, W, I) as Larq's bits, int32 (O, H, W, ceil(I/32)): bit i % 32 of word i // 32 is 1 for -1."""
    channels = plane.shape[-1]
    padded = np.zeros((*plane.shape[:-1], -(-channels // 32) * 32), np.uint8)
    padded[..., :channels] = plane < 0
    return np.packbits(padded, axis=-1, bitorder="little").view("<i4").reshape(*plane.shape[:-1], -1)
