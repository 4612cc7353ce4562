"""What a tapped value says of the Keras tensor that it stands for: that each of its numbers lies within bounds.

A float32 map says what a tensor's numbers are: both bounds are the value v. Where its operator clips, a value at the
end of the clip only says that the tensor's number lies there or beyond. A bit says on which side of a threshold θ it
lies:

    +1:  [θ, ∞)        -1:  (-∞, θ⁻]        θ⁻ the float before θ

What replaces Keras' number y is the nearest within the bounds. It is the flatbuffer's own where that has numbers. Where
it has bits, y stays as it is if it is on their side, so that a layer that was to read y, and reads its sign in the
flatbuffer, is found.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from converters.taps import Tap

Floats = NDArray[np.float32]


class Bounds(NamedTuple):
    """Of each number of a tensor, float32, of its shape."""

    low: Floats
    high: Floats

    def nearest(self, values: Floats) -> Floats:
        """``values``, moved into the bounds where they lie outside; NaN stays."""
        nearest: Floats = np.minimum(np.maximum(values, self.low), self.high)
        return nearest


def bounds(tap: Tap, value: NDArray[Any], shape: tuple[int, ...]) -> Bounds:
    """The bounds of a tensor of that shape by a tapped value with as many numbers."""
    below, beyond = np.float32(-np.inf), np.float32(np.inf)
    if tap.threshold is None:
        numbers = value.reshape(shape)
        low, high = tap.clip
        return Bounds(np.where(numbers <= low, below, numbers), np.where(numbers >= high, beyond, numbers))
    is_above = unpacked(value, tap.channels).reshape(shape) != tap.is_complement
    threshold = np.float32(tap.threshold)
    before = np.nextafter(threshold, below)
    return Bounds(np.where(is_above, threshold, below), np.where(is_above, beyond, before))


def unpacked(words: NDArray[np.int32], channels: int) -> NDArray[np.bool_]:
    """Whether each channel of a packed map (…, words) is +1, (…, channels): bit i % 32 of word i // 32 is 1 for -1."""
    octets = np.ascontiguousarray(words, "<i4").view(np.uint8)
    is_plus: NDArray[np.bool_] = np.unpackbits(octets, axis=-1, bitorder="little")[..., :channels] == 0
    return is_plus
