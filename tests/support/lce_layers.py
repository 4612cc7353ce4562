"""Flatbuffers of one binary layer, written without Larq's converter: also such as it does not make; and its own."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tiny_flatbuffers import TinyOp, TinyTensor, tflite_bytes

WORD_BITS = 32
SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)


def words_of(channels: int) -> int:
    return -(-channels // WORD_BITS)


def output_size(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    places = size if padding == SAME else size - (kernel - 1) * dilation
    return -(-places // stride)


@dataclass(frozen=True)
class BinaryConv:
    """LceQuantize, LceBconv2d and, for packed output, LceDequantize, so that the output can be looked at.

    Attributes:
        pad_one: whether the border counts as +1 (SAME only); else as 0.
        output: float32, int8 or packed.
        plain: multiplier 1 and bias 0, so that float output is the convolution itself.
        is_extreme: all of the image is +1, the first filter -1 and the last +1.
        scale, zero_point: of int8 output.
    """

    size: tuple[int, int] = (7, 6)
    channels_in: int = 32
    channels_out: int = 8
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = SAME
    pad_one: bool = True
    activation: int = NONE
    output: str = "float32"
    groups: int = 1
    batch: int = 1
    plain: bool = False
    input_type: str = "float32"
    seed: int = 0
    is_extreme: bool = False
    scale: float = 0.75
    zero_point: int = 3

    @property
    def taps(self) -> int:
        """K: inputs of one output."""
        return self.kernel[0] * self.kernel[1] * self.channels_in // self.groups

    def vectors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Multiplier and bias: of both signs, and channels where either is 0."""
        if self.plain:
            return np.ones(self.channels_out, np.float32), np.zeros(self.channels_out, np.float32)
        random = np.random.default_rng(self.seed + 1)
        multiplier = random.normal(size=self.channels_out).astype(np.float32)
        multiplier[self.channels_out // 2] = 0
        bias = (random.normal(size=self.channels_out) * self.taps / 4).astype(np.float32)
        bias[self.channels_out // 3] = 0
        return multiplier, bias

    def thresholds(self) -> NDArray[np.int32]:
        """Of differing bits: in the middle of what is possible, and two channels that never change.

        Of an extreme layer, the two that only the largest and the smallest sum decide.
        """
        random = np.random.default_rng(self.seed + 3)
        thresholds = random.integers(self.taps // 4, self.taps * 3 // 4 + 1, self.channels_out).astype(np.int32)
        ends = (self.taps - 1, 0) if self.is_extreme else (np.iinfo(np.int32).min, np.iinfo(np.int32).max)
        thresholds[0], thresholds[-1] = ends
        return thresholds

    def image(self) -> NDArray[Any]:
        random = np.random.default_rng(self.seed + 2)
        shape = (self.batch, *self.size, self.channels_in)
        if self.input_type == "bool":
            return random.integers(0, 2, shape).astype(bool)
        if self.input_type == "int8":
            return random.integers(-128, 128, shape).astype(np.int8)
        if self.is_extreme:
            return np.ones(shape, np.float32)
        image = random.normal(size=shape).astype(np.float32)
        # The edges of the sign: +1 for all but the last two. Subnormal numbers are left out: Larq's interpreter lets
        # the processor take them for 0.
        for place, edge in enumerate((0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, -1e-37)):
            image.reshape(-1)[place::97][:3] = edge
        return image

    def flatbuffer(self) -> bytes:
        random = np.random.default_rng(self.seed)
        height, width = (
            output_size(self.size[axis], self.kernel[axis], self.stride[axis], self.dilation[axis], self.padding)
            for axis in (0, 1)
        )
        in_a_group = self.channels_in // self.groups
        bits = random.integers(0, 2, (self.channels_out, *self.kernel, in_a_group)).astype(bool)
        if self.is_extreme:
            bits[0], bits[-1] = True, False
        multiplier, bias = self.vectors()
        packed = self.output == "packed"
        scale, zero_point = (self.scale, self.zero_point) if self.output == "int8" else (None, 0)
        out_shape = (self.batch, height, width, self.channels_out)
        packed_shape = (*out_shape[:3], words_of(self.channels_out))
        conv_shape, conv_type = (packed_shape, "int32") if packed else (out_shape, self.output)
        is_int8_input = self.input_type == "int8"
        tensors = [
            TinyTensor(
                "image",
                (self.batch, *self.size, self.channels_in),
                self.input_type,
                scale=0.5 if is_int8_input else None,
                zero_point=-7 if is_int8_input else 0,
            ),
            TinyTensor("bits", (self.batch, *self.size, words_of(self.channels_in)), "int32"),
            TinyTensor("filters", (*bits.shape[:3], words_of(in_a_group)), "int32", pack(bits)),
            TinyTensor("multiplier", (self.channels_out,), data=multiplier),
            TinyTensor("bias", (self.channels_out,), data=bias),
            TinyTensor("thresholds", (self.channels_out,), "int32", self.thresholds()),
            TinyTensor("conv", conv_shape, conv_type, None, scale, zero_point),
            TinyTensor("unpacked", out_shape),
        ]
        vectors = [-1, -1, 5] if packed else [3, 4, -1]
        ops = [TinyOp("LceQuantize", [0], [1]), TinyOp("LceBconv2d", [1, 2, *vectors], [6], self.options())]
        if packed:
            ops.append(TinyOp("LceDequantize", [6], [7]))
        return tflite_bytes(tensors, ops, [0], [7 if packed else 6])

    def options(self) -> dict[str, int]:
        return {
            "channels_in": self.channels_in,
            "dilation_height_factor": self.dilation[0],
            "dilation_width_factor": self.dilation[1],
            "fused_activation_function": self.activation,
            "pad_values": int(self.pad_one),
            "padding": self.padding,
            "stride_height": self.stride[0],
            "stride_width": self.stride[1],
        }


def pack(bits: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Bit i of word w is channel 32 w + i."""
    width = words_of(bits.shape[-1]) * WORD_BITS
    padded = np.zeros((*bits.shape[:-1], width), np.uint8)
    padded[..., : bits.shape[-1]] = bits
    return np.packbits(padded, axis=-1, bitorder="little").view(np.int32)


def quantize_dequantize(shape: tuple[int, ...], source: TinyTensor, result: TinyTensor) -> bytes:
    """LceQuantize and LceDequantize between two tensors of the shape."""
    bits = TinyTensor("bits", (*shape[:-1], words_of(shape[-1])), "int32")
    ops = [TinyOp("LceQuantize", [0], [1]), TinyOp("LceDequantize", [1], [2])]
    return tflite_bytes([source, bits, result], ops, [0], [2])


def max_pool(shape: tuple[int, int, int, int], window: tuple[int, int], stride: tuple[int, int], padding: int) -> bytes:
    """LceQuantize, LceBMaxPool2d, LceDequantize."""
    batch, height, width, channels = shape
    out_height, out_width = (
        output_size(size, kernel, step, 1, padding)
        for size, kernel, step in zip((height, width), window, stride, strict=True)
    )
    options = {
        "filter_height": window[0],
        "filter_width": window[1],
        "padding": padding,
        "stride_height": stride[0],
        "stride_width": stride[1],
    }
    words = words_of(channels)
    return tflite_bytes(
        [
            TinyTensor("image", shape),
            TinyTensor("bits", (batch, height, width, words), "int32"),
            TinyTensor("pooled", (batch, out_height, out_width, words), "int32"),
            TinyTensor("unpacked", (batch, out_height, out_width, channels)),
        ],
        [
            TinyOp("LceQuantize", [0], [1]),
            TinyOp("LceBMaxPool2d", [1], [2], options),
            TinyOp("LceDequantize", [2], [3]),
        ],
        [0],
        [3],
    )


def larqs_flatbuffer(model: Any) -> bytes:
    """What Larq's own converter makes of a Keras model."""
    import larq_compute_engine

    from converters.export import save

    with tempfile.TemporaryDirectory() as folder:
        save(model, folder)
        return bytes(larq_compute_engine.convert_saved_model(Path(folder), target="arm"))
