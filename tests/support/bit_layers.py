"""Flatbuffers of one layer of several bits, as sums of binary convolutions, and the layer itself in NumPy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from lce_layers import SAME, BinaryConv, output_size, pack, words_of
from numpy.typing import NDArray
from tiny_flatbuffers import TinyOp, TinyTensor, tflite_bytes

# Thresholds and images are multiples of it, so that they meet.
GRID = 1 / 16


@dataclass(frozen=True)
class BitConv:
    """Signs of the image, a convolution for each sign and filter, additions, scale and bias.

    A weight is the sum of 2^j times the sign of filter j. An activation is the sum of its signs, one a threshold, each
    +1 where the image is at least the threshold; or, as a half wave, the number of thresholds that it exceeds.

    Attributes:
        pad_one: whether the border of each sign counts as +1 (SAME only), which is 0 of a half wave; else as 0.
        half_wave: signs are +1 where the image is at most the threshold, so that their sum is turned round.
        per_channel: every channel has thresholds of its own.
    """

    size: tuple[int, int] = (7, 6)
    channels_in: int = 32
    channels_out: int = 8
    activation_bits: int = 2
    weight_bits: int = 2
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = SAME
    pad_one: bool = True
    half_wave: bool = False
    per_channel: bool = False
    seed: int = 0

    @property
    def signs(self) -> int:
        return (1 << self.activation_bits) - 1

    def out_size(self) -> tuple[int, int]:
        height, width = (
            output_size(self.size[axis], self.kernel[axis], self.stride[axis], self.dilation[axis], self.padding)
            for axis in (0, 1)
        )
        return height, width

    def image(self) -> NDArray[np.float32]:
        random = np.random.default_rng(self.seed + 2)
        return (random.integers(-32, 33, (1, *self.size, self.channels_in)) * GRID).astype(np.float32)

    def thresholds(self) -> NDArray[np.float32]:
        """Ascending along the first axis, (signs, channels or 1); equal ones are among them."""
        random = np.random.default_rng(self.seed)
        steps = random.integers(-24, 25, (self.signs, self.channels_in if self.per_channel else 1))
        return (np.sort(steps, axis=0) * GRID).astype(np.float32)

    def filters(self) -> NDArray[np.bool_]:
        """(bits, out, height, width, in); True is -1."""
        random = np.random.default_rng(self.seed + 1)
        shape = (self.weight_bits, self.channels_out, *self.kernel, self.channels_in)
        return random.integers(0, 2, shape).astype(bool)

    def vectors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scale and bias behind the sum."""
        random = np.random.default_rng(self.seed + 3)
        scale, bias = random.normal(size=(2, self.channels_out)).astype(np.float32)
        return scale, bias

    def expected(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Quantised, convolved in whole numbers, scaled in float32: nothing is rounded before the scale."""
        thresholds = self.thresholds()[:, None, None, None]
        if self.half_wave:
            levels, border = (image > thresholds).sum(axis=0), 0
        else:
            levels, border = np.where(image >= thresholds, 1, -1).sum(axis=0), self.signs if self.pad_one else 0
        powers = (2 ** np.arange(self.weight_bits))[:, None, None, None, None]
        weights = (powers * np.where(self.filters(), -1, 1)).sum(axis=0)
        scale, bias = self.vectors()
        sums = self._convolved(levels, weights, border).astype(np.float32)
        return sums * scale + bias

    def _convolved(self, levels: NDArray[Any], weights: NDArray[Any], border: int) -> NDArray[Any]:
        height, width = self.out_size()
        pads = []
        for axis, places in enumerate((height, width)):
            span = (self.kernel[axis] - 1) * self.dilation[axis] + 1
            lacking = max((places - 1) * self.stride[axis] + span - self.size[axis], 0) if self.padding == SAME else 0
            pads.append((lacking // 2, lacking - lacking // 2))
        padded = np.pad(levels, ((0, 0), *pads, (0, 0)), constant_values=border)
        sums = np.zeros((1, height, width, self.channels_out), np.int64)
        for y in range(self.kernel[0]):
            for x in range(self.kernel[1]):
                top, left = y * self.dilation[0], x * self.dilation[1]
                rows = slice(top, top + (height - 1) * self.stride[0] + 1, self.stride[0])
                columns = slice(left, left + (width - 1) * self.stride[1] + 1, self.stride[1])
                sums += padded[:, rows, columns] @ weights[:, y, x].T
        return sums

    def flatbuffer(self) -> bytes:
        out = (1, *self.out_size(), self.channels_out)
        shape = (1, *self.size, self.channels_in)
        window = (self.kernel, self.stride, self.dilation, self.padding, self.pad_one)
        form = BinaryConv(self.size, self.channels_in, self.channels_out, *window)
        tensors, ops = [TinyTensor("image", shape)], []

        def add(name: str, shape: tuple[int, ...], type_name: str = "float32", data: Any = None) -> int:
            tensors.append(TinyTensor(name, shape, type_name, data))
            return len(tensors) - 1

        def compute(op: str, inputs: list[int], shape: tuple[int, ...], type_name: str = "float32") -> int:
            options = {"ADD": schema.AddOptionsT, "SUB": schema.SubOptionsT, "MUL": schema.MulOptionsT}
            chosen = options[op]() if op in options else form.options() if op == "LceBconv2d" else None
            ops.append(TinyOp(op, inputs, [add(op, shape, type_name)], chosen))
            return len(tensors) - 1

        source = 0
        if self.half_wave:
            source = compute("MUL", [0, add("minus", (1,), data=np.array([-1], np.float32))], shape)
        planes = []
        for threshold in self.thresholds():
            constant = add("threshold", threshold.shape, data=threshold)
            moved = compute("ADD" if self.half_wave else "SUB", [source, constant], shape)
            planes.append(compute("LceQuantize", [moved], (*shape[:3], words_of(self.channels_in)), "int32"))
        total = -1
        for bit, filters in enumerate(self.filters()):
            words = add("filters", (*filters.shape[:3], words_of(self.channels_in)), "int32", pack(filters))
            # a = n / 2 - (s_1 + … + s_n) / 2; the constant part goes with the first sign.
            unit = (-0.5 if self.half_wave else 1.0) * 2**bit
            weight_sums = np.where(filters, -1, 1).sum(axis=(1, 2, 3)).astype(np.float32)
            multiplier = add("multiplier", (self.channels_out,), data=np.full(self.channels_out, unit, np.float32))
            for number, plane in enumerate(planes):
                constant_part = -unit * self.signs * weight_sums if self.half_wave and number == 0 else 0 * weight_sums
                bias = add("bias", (self.channels_out,), data=constant_part.astype(np.float32))
                part = compute("LceBconv2d", [plane, words, multiplier, bias, -1], out)
                total = part if total < 0 else compute("ADD", [total, part], out)
        scale, bias_behind = self.vectors()
        scaled = compute("MUL", [total, add("scale", scale.shape, data=scale)], out)
        result = compute("ADD", [scaled, add("bias_behind", bias_behind.shape, data=bias_behind)], out)
        return tflite_bytes(tensors, ops, [0], [result])
