"""Float operators beside binary ones on every instruction set: the documented order of rounding, and LiteRT's own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from lce_layers import output_size, words_of
from native_runs import host_alone, instruction_sets, litert, outputs_of, regions_in
from numpy.typing import NDArray
from tiny_flatbuffers import TinyOp, TinyTensor, tflite_bytes

Floats = NDArray[np.float32]
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
ACTIVATIONS = (0, 1, 2, 3)
LIMITS = {0: (-np.inf, np.inf), 1: (0, np.inf), 2: (-1, 1), 3: (0, 6)}


def normal(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@dataclass
class FloatLayer:
    """One operator; its result goes out, and into LceQuantize where ``beside_binary``.

    Attributes:
        constants: inputs after the map, or before it where ``map_last``; None is an absent one.
        maps: how often the map itself is an input.
    """

    name: str
    options: Any
    shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    constants: Sequence[NDArray[Any] | None] = field(default_factory=tuple)
    maps: int = 1
    map_last: bool = False

    def flatbuffer(self, beside_binary: bool) -> bytes:
        bits_shape = (*self.out_shape[:-1], words_of(self.out_shape[-1]))
        tensors = [
            TinyTensor("x", self.shape),
            TinyTensor("y", self.out_shape),
            TinyTensor("bits", bits_shape, "int32"),
            TinyTensor("signs", self.out_shape),
        ]
        inputs = [0] * self.maps
        for constant in self.constants:
            inputs.append(-1 if constant is None else len(tensors))
            if constant is not None:
                tensors.append(TinyTensor(f"constant_{len(tensors)}", constant.shape, str(constant.dtype), constant))
        if self.map_last:
            inputs.reverse()
        ops = [TinyOp(self.name, inputs, [1], self.options)]
        if beside_binary:
            ops += [TinyOp("LceQuantize", [1], [2]), TinyOp("LceDequantize", [2], [3])]
        return tflite_bytes(tensors, ops, [0], [1, 3] if beside_binary else [1])

    def image(self) -> Floats:
        return 3 * normal(*self.shape, seed=9)

    def results(self, tmp_path: Path) -> dict[str, Floats]:
        """By instruction set, where the delegate has taken all three nodes and the signs are those of the result."""
        found = {}
        for isa in instruction_sets():
            report = tmp_path / f"{isa}.jsonl"
            interpreter = litert(self.flatbuffer(True), isa=isa, report_file=str(report))
            found[isa], signs = outputs_of(interpreter, self.image())
            assert [region["nodes"] for region in regions_in(report)] == [[0, 1, 2]]
            np.testing.assert_array_equal(signs, np.where(found[isa] < 0, -1, 1))
        return found

    def of_host(self) -> Floats:
        [result] = outputs_of(host_alone(self.flatbuffer(False)), self.image())
        return result


def conv_options(kind: Any, padding: int, stride: int, dilation: int, activation: int, **others: int) -> Any:
    return kind(
        padding=padding,
        strideH=stride,
        strideW=stride,
        dilationHFactor=dilation,
        dilationWFactor=dilation,
        fusedActivationFunction=activation,
        **others,
    )


def fused(x: np.float32, w: np.float32, total: np.float32) -> np.float32:
    """fma: the product of two floats is exact in double precision; that the sum rounds twice shows once in 2^29."""
    return np.float32(np.float64(x) * np.float64(w) + np.float64(total))


def convolve(layer: FloatLayer, filters: Floats, bias: Floats | None, depthwise: bool) -> Floats:
    """Bias first, then kernel row, kernel column, channel; what lies beyond the map is passed over.

    Up to six channels of a convolution are each summed in sixteen parts, by input channel, and the bias comes last.
    """
    options, image = layer.options, layer.image()
    kernel = filters.shape[1:3]
    result = np.zeros(layer.out_shape, np.float32)
    pad = [0, 0]
    if options.padding == SAME:
        for axis in (0, 1):
            span = (layer.out_shape[1 + axis] - 1) * options.strideH + (kernel[axis] - 1) * options.dilationHFactor + 1
            pad[axis] = max(0, span - layer.shape[1 + axis]) // 2
    low, high = LIMITS[options.fusedActivationFunction]
    in_parts = not depthwise and layer.out_shape[3] <= 6
    for y, x, c in np.ndindex(*layer.out_shape[1:]):
        start = np.float32(0) if bias is None else bias[c]
        total, parts = start, np.zeros(16, np.float32)
        for ky, kx in np.ndindex(*kernel):
            row = y * options.strideH - pad[0] + ky * options.dilationHFactor
            column = x * options.strideW - pad[1] + kx * options.dilationWFactor
            if not (0 <= row < layer.shape[1] and 0 <= column < layer.shape[2]):
                continue
            if depthwise:
                total = fused(image[0, row, column, c], filters[0, ky, kx, c], total)
                continue
            for i in range(layer.shape[3]):
                if in_parts:
                    parts[i % 16] = fused(image[0, row, column, i], filters[c, ky, kx, i], parts[i % 16])
                else:
                    total = fused(image[0, row, column, i], filters[c, ky, kx, i], total)
        if in_parts:
            for half in (8, 4, 2, 1):
                parts[:half] += parts[half : 2 * half]
            total = start + parts[0]
        result[0, y, x, c] = min(max(total, low), high)
    return result


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("channels", [(3, 17), (16, 5)])
@pytest.mark.parametrize(
    ("kernel", "padding", "stride", "dilation", "activation"),
    [
        ((1, 1), SAME, 1, 1, 0),
        ((3, 3), SAME, 1, 1, 1),
        ((3, 3), SAME, 2, 1, 2),
        ((2, 3), VALID, 1, 1, 3),
        ((3, 3), SAME, 1, 2, 0),
        ((5, 5), SAME, 3, 1, 0),
    ],
)
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolutions_sum_in_the_documented_order(
    depthwise: bool,
    kernel: tuple[int, int],
    padding: int,
    stride: int,
    dilation: int,
    activation: int,
    channels: tuple[int, int],
    has_bias: bool,
    tmp_path: Path,
) -> None:
    height, width = (
        output_size(size, side, stride, dilation, padding) for size, side in zip((5, 6), kernel, strict=True)
    )
    channels_in, channels_out = (channels[0], channels[0]) if depthwise else channels
    filters = normal(*((1, *kernel, channels_in) if depthwise else (channels_out, *kernel, channels_in)))
    bias = normal(channels_out, seed=1) if has_bias else None
    layer = FloatLayer(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
        conv_options(schema.DepthwiseConv2DOptionsT, padding, stride, dilation, activation, depthMultiplier=1)
        if depthwise
        else conv_options(schema.Conv2DOptionsT, padding, stride, dilation, activation),
        (1, 5, 6, channels_in),
        (1, height, width, channels_out),
        [filters, bias],
    )
    expected = convolve(layer, filters, bias, depthwise)
    for isa, result in layer.results(tmp_path).items():
        np.testing.assert_array_equal(result, expected, isa)
    if has_bias:
        # Each of the sums of up to 401 products of size 10 is rounded otherwise: a few in the seventh digit.
        np.testing.assert_allclose(expected, layer.of_host(), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("out_channels", [3, 40])
def test_fully_connected_sums_in_the_order_of_its_inputs(
    out_channels: int, activation: int, has_bias: bool, tmp_path: Path
) -> None:
    weights, bias = normal(out_channels, 37), normal(out_channels, seed=1) if has_bias else None
    options = schema.FullyConnectedOptionsT(fusedActivationFunction=activation)
    layer = FloatLayer("FULLY_CONNECTED", options, (2, 37), (2, out_channels), [weights, bias])
    expected = np.zeros((2, out_channels), np.float32)
    for n, c in np.ndindex(2, out_channels):
        total = np.float32(0) if bias is None else bias[c]
        for i in range(37):
            total = fused(layer.image()[n, i], weights[c, i], total)
        expected[n, c] = min(max(total, LIMITS[activation][0]), LIMITS[activation][1])
    for isa, result in layer.results(tmp_path).items():
        np.testing.assert_array_equal(result, expected, isa)
    # 37 products of size 3, summed in another order.
    np.testing.assert_allclose(expected, layer.of_host(), rtol=1e-5, atol=1e-4)


SHAPE = (1, 4, 5, 19)
POOLS = [
    (window, stride, padding) for window in ((2, 2), (3, 3), (1, 3)) for stride in (1, 2) for padding in (SAME, VALID)
]
EXACT = [
    *(
        FloatLayer(name, kind(fusedActivationFunction=activation), SHAPE, SHAPE, constants, maps, map_last)
        for name, kind in (("ADD", schema.AddOptionsT), ("SUB", schema.SubOptionsT), ("MUL", schema.MulOptionsT))
        for activation in ACTIVATIONS
        for constants, maps, map_last in (
            ([normal(19)], 1, False),
            ([normal(1, 1, 1, 19)], 1, False),
            ([normal()], 1, False),
            ([normal(1)], 1, False),
            ([], 2, False),
            *([([normal(19)], 1, True)] if name != "SUB" else []),
        )
    ),
    *(FloatLayer(name, None, SHAPE, SHAPE) for name in ("RELU", "RELU6", "RELU_N1_TO_1")),
    FloatLayer("PRELU", None, SHAPE, SHAPE, [normal(1, 1, 19)]),
    FloatLayer("RESHAPE", schema.ReshapeOptionsT(newShape=[1, 380]), SHAPE, (1, 380), [np.array([1, 380], np.int32)]),
    FloatLayer("CONCATENATION", schema.ConcatenationOptionsT(axis=3), SHAPE, (1, 4, 5, 57), maps=3),
    FloatLayer("CONCATENATION", schema.ConcatenationOptionsT(axis=-1), (1, 19), (1, 38), maps=2),
    *(
        FloatLayer(
            "MAX_POOL_2D",
            schema.Pool2DOptionsT(
                padding=padding,
                strideH=stride,
                strideW=stride,
                filterHeight=window[0],
                filterWidth=window[1],
                fusedActivationFunction=activation,
            ),
            SHAPE,
            (
                1,
                output_size(4, window[0], stride, 1, padding),
                output_size(5, window[1], stride, 1, padding),
                19,
            ),
        )
        for window, stride, padding in POOLS
        for activation in (0, 3)
    ),
]


@pytest.mark.parametrize("layer", EXACT, ids=lambda layer: layer.name)
def test_what_rounds_once_at_most_is_exactly_as_on_the_host(layer: FloatLayer, tmp_path: Path) -> None:
    for isa, result in layer.results(tmp_path).items():
        np.testing.assert_array_equal(result, layer.of_host(), isa)


@pytest.mark.parametrize(("window", "stride", "padding"), POOLS)
def test_average_pools_divide_by_the_pixels_inside(
    window: tuple[int, int], stride: int, padding: int, tmp_path: Path
) -> None:
    out = [output_size(size, side, stride, 1, padding) for size, side in zip((4, 5), window, strict=True)]
    options = schema.Pool2DOptionsT(
        padding=padding, strideH=stride, strideW=stride, filterHeight=window[0], filterWidth=window[1]
    )
    layer = FloatLayer("AVERAGE_POOL_2D", options, SHAPE, (1, *out, 19))
    for isa, result in layer.results(tmp_path).items():
        # Nine numbers of size 3 in any order, one division.
        np.testing.assert_allclose(result, layer.of_host(), rtol=0, atol=3e-6, err_msg=isa)


@pytest.mark.parametrize("axes", [(1, 2), (2, 1), (-3, -2)])
@pytest.mark.parametrize("keeps", [True, False])
def test_the_mean_sums_row_by_row(keeps: bool, axes: tuple[int, int], tmp_path: Path) -> None:
    out_shape = (1, 1, 1, 19) if keeps else (1, 19)
    layer = FloatLayer("MEAN", schema.ReducerOptionsT(keepDims=keeps), SHAPE, out_shape, [np.array(axes, np.int32)])
    total = np.zeros(19, np.float32)
    for pixel in layer.image().reshape(20, 19):
        total += pixel
    expected = (total * (np.float32(1) / np.float32(20))).reshape(out_shape)
    for isa, result in layer.results(tmp_path).items():
        np.testing.assert_array_equal(result, expected, isa)
    # Twenty numbers of size 3 in any order.
    np.testing.assert_allclose(expected, layer.of_host(), rtol=0, atol=3e-6)
