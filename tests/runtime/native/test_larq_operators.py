"""Larq's operators on every instruction set, against Larq's own interpreter."""

from dataclasses import replace

import numpy as np
import pytest
from lce_layers import (
    NONE,
    RELU,
    RELU6,
    RELU_N1_TO_1,
    SAME,
    VALID,
    BinaryConv,
    max_pool,
    quantize_dequantize,
)
from native_runs import instruction_sets, lce, run
from numpy.typing import NDArray
from tiny_flatbuffers import TinyTensor

CHANNELS = (1, 3, 16, 31, 32, 33, 48, 63, 64, 65, 95, 96, 97, 127, 128, 129, 130)
OUTPUTS = ("float32", "int8", "packed")

SHAPES = [
    {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    for kernel in ((1, 1), (3, 3), (5, 5), (1, 3), (3, 1), (2, 2))
    for stride in ((1, 1), (2, 2), (3, 1))
    for dilation in ((1, 1), (2, 2))
    for padding in (SAME, VALID)
    # Larq's interpreter needs a place to stand.
    if padding == SAME or (kernel[0] - 1) * dilation[0] < 11
]


def agree_exactly(layer: BinaryConv, *kernels: str) -> None:
    content, image = layer.flatbuffer(), layer.image()
    # Theirs takes one image at a time.
    single = replace(layer, batch=1).flatbuffer()
    expected, *others = (np.concatenate([lce(single, one[None], kernel) for one in image]) for kernel in kernels)
    for kernel, other in zip(kernels[1:], others, strict=True):
        np.testing.assert_array_equal(other, expected, f"{kernel}, {layer}")
    for isa in instruction_sets():
        for threads in (1, 3):
            result = run(content, image, threads, isa=isa)
            assert result.dtype == expected.dtype
            np.testing.assert_array_equal(result, expected, f"{isa}, {threads} threads, {layer}")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_convolutions_of_every_shape_agree(shape: dict[str, object], output: str) -> None:
    layer = replace(BinaryConv((11, 13), channels_in=40, channels_out=35, output=output), **shape)  # type: ignore[arg-type]
    agree_exactly(layer, "indirect", "reference")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("channels_in", CHANNELS)
def test_every_number_of_input_channels_agrees(channels_in: int, output: str) -> None:
    agree_exactly(BinaryConv(channels_in=channels_in, output=output), "indirect", "reference", "default")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("channels_out", CHANNELS)
def test_every_number_of_output_channels_agrees(channels_out: int, output: str) -> None:
    agree_exactly(BinaryConv(channels_out=channels_out, output=output), "indirect", "reference", "default")


@pytest.mark.parametrize("output", ["float32", "int8"])
@pytest.mark.parametrize("activation", [RELU, RELU_N1_TO_1, RELU6])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3)])
@pytest.mark.parametrize("channels_in", [1, 2, 64])
def test_activations_agree(channels_in: int, kernel: tuple[int, int], activation: int, output: str) -> None:
    layer = BinaryConv(channels_in=channels_in, kernel=kernel, activation=activation, output=output)
    agree_exactly(layer, "indirect", "reference")


@pytest.mark.parametrize("output", ["float32", "int8"])
@pytest.mark.parametrize("activation", [NONE, RELU])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 2)])
@pytest.mark.parametrize("channels_in", [2, 34, 64])
def test_a_border_of_zeros_agrees_with_the_reference_kernel(
    channels_in: int, dilation: tuple[int, int], stride: tuple[int, int], activation: int, output: str
) -> None:
    """The only one of theirs that computes it in integers, for even numbers of channels."""
    layer = BinaryConv(
        channels_in=channels_in,
        channels_out=33,
        stride=stride,
        dilation=dilation,
        activation=activation,
        output=output,
        pad_one=False,
    )
    agree_exactly(layer, "reference")


@pytest.mark.parametrize("size", [(7, 6), (2, 3)])
@pytest.mark.parametrize("channels_in", [1, 2, 33, 64])
def test_bits_over_a_border_of_zeros_follow_from_the_convolution(channels_in: int, size: tuple[int, int]) -> None:
    """With d twice the differing bits the convolution is K - d, and the bit is d > 2 threshold: -1.

    Larq's interpreter reads through a null pointer here, so there is nothing to compare with.
    """
    layer = BinaryConv(size, channels_in, 40, stride=(2, 1), pad_one=False, plain=True)
    bits = replace(layer, output="packed")
    for isa in instruction_sets():
        d = layer.taps - run(layer.flatbuffer(), layer.image(), isa=isa)
        expected = np.where(d > 2 * bits.thresholds().astype(np.float64), -1, 1)
        np.testing.assert_array_equal(run(bits.flatbuffer(), bits.image(), isa=isa), expected, isa)


def border_bound(layer: BinaryConv) -> NDArray[np.float64]:
    """u (10 K |mul| + 3 |bias|), from graph/reference.h: their kernels add the border in a second float step."""
    multiplier, bias = (np.abs(vector.astype(np.float64)) for vector in layer.vectors())
    bound: NDArray[np.float64] = 2.0**-24 * (10 * layer.taps * multiplier + 3 * bias)
    return bound


@pytest.mark.parametrize("kernel", ["indirect", "default"])
@pytest.mark.parametrize("size", [(7, 6), (5, 5)])
@pytest.mark.parametrize("window", [(3, 3), (5, 5), (1, 3), (2, 2)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 3)])
@pytest.mark.parametrize("channels_in", [1, 33, 64])
def test_a_border_of_zeros_is_within_rounding_of_the_fast_kernels(
    channels_in: int, stride: tuple[int, int], window: tuple[int, int], size: tuple[int, int], kernel: str
) -> None:
    layer = BinaryConv(size, channels_in, 9, window, stride, pad_one=False)
    content, image = layer.flatbuffer(), layer.image()
    expected = lce(content, image, kernel)
    for isa in instruction_sets():
        difference = np.abs(run(content, image, isa=isa).astype(np.float64) - expected)
        assert (difference <= border_bound(layer)).all(), (isa, difference.max())


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    ("groups", "channels_in", "channels_out"), [(2, 64, 6), (2, 128, 32), (3, 96, 48), (4, 128, 64)]
)
def test_groups_agree(groups: int, channels_in: int, channels_out: int, output: str) -> None:
    layer = BinaryConv(channels_in=channels_in, channels_out=channels_out, groups=groups, output=output)
    agree_exactly(layer, "indirect", "reference")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    "shape",
    [
        {"stride": (2, 1)},
        {"dilation": (2, 2)},
        {"padding": VALID},
        {"kernel": (1, 1), "stride": (2, 2), "padding": VALID},
        {"batch": 3},
    ],
    ids=str,
)
def test_groups_of_every_shape_agree(shape: dict[str, object], output: str) -> None:
    layer = replace(BinaryConv(channels_in=64, channels_out=10, groups=2, output=output), **shape)  # type: ignore[arg-type]
    agree_exactly(layer, "indirect", "reference")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("channels", [16, 33, 64])
def test_several_images_agree(channels: int, output: str) -> None:
    agree_exactly(BinaryConv((9, 5), channels, channels, batch=3, output=output), "indirect", "reference")


@pytest.mark.parametrize(("scale", "zero_point"), [(0.02, -128), (3.0, 127), (1e-3, 0), (1e6, 5)])
def test_int8_results_of_every_scale_agree(scale: float, zero_point: int) -> None:
    agree_exactly(BinaryConv(output="int8", scale=scale, zero_point=zero_point), "indirect", "reference")


# A sum of 16 bits would overflow; of the first filter all bits differ, of the last none.
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("channels_in", [32_767, 32_768, 32_769, 65_535, 65_536, 65_537])
def test_sums_beyond_16_bits_agree(channels_in: int, output: str) -> None:
    layer = BinaryConv((2, 2), channels_in, 17, (1, 1), output=output, plain=True, is_extreme=True)
    agree_exactly(layer, "indirect", "reference", "default")
    if output == "float32":
        result = run(layer.flatbuffer(), layer.image())
        assert (result[..., 0] == -channels_in).all()
        assert (result[..., -1] == channels_in).all()


@pytest.mark.parametrize(
    ("pad_one", "output"), [(True, "float32"), (True, "int8"), (True, "packed"), (False, "float32"), (False, "int8")]
)
def test_a_kernel_larger_than_the_map_agrees_with_the_reference_kernel(pad_one: bool, output: str) -> None:
    """Of a border of zeros their fast kernels lose part here: their cache assumes a kernel smaller than the map."""
    agree_exactly(BinaryConv((2, 3), 64, 8, (5, 5), pad_one=pad_one, output=output), "reference")


@pytest.mark.parametrize("input_type", ["int8", "float32"])
@pytest.mark.parametrize("channels_in", [5, 32, 40])
def test_inputs_agree(channels_in: int, input_type: str) -> None:
    agree_exactly(BinaryConv(channels_in=channels_in, input_type=input_type), "indirect")


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("window", [(2, 2), (3, 3), (3, 2), (1, 1)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("channels", [1, 33, 64])
def test_max_pools_agree(channels: int, stride: tuple[int, int], window: tuple[int, int], padding: int) -> None:
    content = max_pool((1, 7, 6, channels), window, stride, padding)
    image = np.random.default_rng(channels).normal(size=(1, 7, 6, channels)).astype(np.float32)
    for isa in instruction_sets():
        np.testing.assert_array_equal(run(content, image, isa=isa), lce(content, image))


@pytest.mark.parametrize("shape", [(1, 3, 4, 37), (1, 5, 64), (1, 70)])
def test_dequantize_agrees_for_float32(shape: tuple[int, ...]) -> None:
    content = quantize_dequantize(shape, TinyTensor("x", shape), TinyTensor("y", shape))
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for isa in instruction_sets():
        np.testing.assert_array_equal(run(content, image, isa=isa), lce(content, image))


@pytest.mark.parametrize(
    ("scale", "zero_point"), [(0.5, 0), (0.3, -5), (1 / 127, 100), (1e-6, -128), (2.0, 3), (3.0, 3)]
)
def test_dequantize_agrees_for_int8(scale: float, zero_point: int) -> None:
    shape = (1, 3, 4, 37)
    result = TinyTensor("y", shape, "int8", scale=scale, zero_point=zero_point)
    content = quantize_dequantize(shape, TinyTensor("x", shape), result)
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for isa in instruction_sets():
        np.testing.assert_array_equal(run(content, image, isa=isa), lce(content, image))


def test_bool_is_true_for_plus_one() -> None:
    shape = (1, 3, 4, 37)
    content = quantize_dequantize(shape, TinyTensor("x", shape, "bool"), TinyTensor("y", shape, "bool"))
    image = np.random.default_rng(0).integers(0, 2, shape).astype(bool)
    as_float = quantize_dequantize(shape, TinyTensor("x", shape, "bool"), TinyTensor("y", shape))
    for isa in instruction_sets():
        np.testing.assert_array_equal(run(content, image, isa=isa), image)
        np.testing.assert_array_equal(run(as_float, image, isa=isa), np.where(image, 1, -1))


@pytest.mark.parametrize("channels", [1, 31, 32, 33, 200])
def test_minus_zero_and_nan_count_as_plus_one(channels: int) -> None:
    shape = (1, 1, 8, channels)
    content = quantize_dequantize(shape, TinyTensor("x", shape), TinyTensor("y", shape))
    edges = np.array([0.0, -0.0, np.nan, -np.nan, 1e-37, -1e-37, np.inf, -np.inf], np.float32)
    image = np.broadcast_to(edges[None, None, :, None], shape).copy()
    for isa in instruction_sets():
        result = run(content, image, isa=isa)
        np.testing.assert_array_equal(
            result[0, 0], np.broadcast_to([[1], [1], [1], [1], [1], [-1], [1], [-1]], shape[2:])
        )
