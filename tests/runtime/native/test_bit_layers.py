"""Layers of several bits on every instruction set, against whole numbers in NumPy and Larq's interpreter."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bit_layers import BitConv
from lce_layers import SAME, VALID
from native_runs import instruction_sets, lce, library, run

CHANNELS = (1, 15, 16, 17, 31, 32, 33, 64, 65, 130)
BITS = ((1, 2), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (4, 1))

SHAPES: list[dict[str, Any]] = [
    {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    for kernel in ((1, 1), (3, 3), (2, 3))
    for stride in ((1, 1), (2, 2))
    for dilation in ((1, 1), (2, 2))
    for padding in (SAME, VALID)
]


def agrees(layer: BitConv, kernel: str = "indirect") -> None:
    library()
    content, image = layer.flatbuffer(), layer.image()
    expected = layer.expected(image)
    np.testing.assert_array_equal(lce(content, image, kernel), expected, f"{kernel}, {layer}")
    for isa in instruction_sets():
        np.testing.assert_array_equal(run(content, image, isa=isa), expected, f"{isa}, {layer}")


@pytest.mark.parametrize("bits", BITS, ids=str)
@pytest.mark.parametrize("channels_in", CHANNELS)
def test_every_number_of_bits_and_channels_agrees(channels_in: int, bits: tuple[int, int]) -> None:
    layer = BitConv(channels_in=channels_in, activation_bits=bits[0], weight_bits=bits[1], channels_out=17)
    agrees(layer)


@pytest.mark.parametrize("channels_in", [16, 40])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_agrees(shape: dict[str, Any], channels_in: int) -> None:
    agrees(replace(BitConv((9, 11), channels_in, 35), **shape))


@pytest.mark.parametrize("bits", BITS, ids=str)
@pytest.mark.parametrize("channels_in", [16, 33])
def test_a_half_wave_is_0_beyond_the_map(channels_in: int, bits: tuple[int, int]) -> None:
    layer = BitConv(channels_in=channels_in, activation_bits=bits[0], weight_bits=bits[1], half_wave=True)
    agrees(layer)


@pytest.mark.parametrize("channels_in", [2, 16, 34, 64])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
def test_a_border_of_zeros_agrees(channels_in: int, stride: tuple[int, int]) -> None:
    """With Larq's reference kernel, the only one of theirs that computes it in integers."""
    agrees(BitConv(channels_in=channels_in, stride=stride, pad_one=False), "reference")


@pytest.mark.parametrize("half_wave", [False, True])
@pytest.mark.parametrize("channels_in", [16, 65])
def test_thresholds_per_channel_agree(channels_in: int, half_wave: bool) -> None:
    agrees(BitConv(channels_in=channels_in, per_channel=True, half_wave=half_wave))
