"""Flatbuffers that store one logical layer as several operators, and the Network's flatbuffer without a converter.

What a converter may write is written here by hand: the joins are tested for forms that no converter at hand makes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from tiny_flatbuffers import BCONV_OPTIONS, TinyOp, TinyTensor, tflite_bytes

from edgehybrid.networks import Layer, Network

WORD = 32


class Writer:
    """Collects tensors and operators; each method returns the index of the tensor it adds."""

    def __init__(self) -> None:
        self.tensors: list[TinyTensor] = []
        self.ops: list[TinyOp] = []

    def value(self, shape: Sequence[int], type_name: str = "float32", name: str = "") -> int:
        self.tensors.append(TinyTensor(name or f"value{len(self.tensors)}", tuple(shape), type_name))
        return len(self.tensors) - 1

    def constant(self, array: Any) -> int:
        array = np.asarray(array)
        self.tensors.append(TinyTensor(f"constant{len(self.tensors)}", array.shape, array.dtype.name, array))
        return len(self.tensors) - 1

    def op(
        self, name: str, inputs: Sequence[int], shape: Sequence[int], type_name: str = "float32", **facts: Any
    ) -> int:
        output = self.value(shape, type_name, facts.get("output", ""))
        self.ops.append(TinyOp(name, list(inputs), [output], facts.get("options")))
        return output

    def shape(self, index: int) -> tuple[int, ...]:
        return self.tensors[index].shape

    def quantize(self, real: int) -> int:
        *rest, channels = self.shape(real)
        return self.op("LceQuantize", [real], [*rest, -(-channels // WORD)], "int32")

    def bconv(self, bits: int, channels: int, filters: int, kernel: int, out_side: int, scale: Any = None) -> int:
        words = self.shape(bits)[-1]
        weights = self.constant(np.zeros((filters, kernel, kernel, words), np.int32))
        scales = self.constant(np.ones(filters, np.float32) if scale is None else np.asarray(scale, np.float32))
        bias = self.constant(np.zeros(filters, np.float32))
        options = BCONV_OPTIONS | {"channels_in": channels}
        return self.op(
            "LceBconv2d", [bits, weights, scales, bias, -1], (1, out_side, out_side, filters), options=options
        )

    def conv(self, real: int, filters: int, kernel: int, out_side: int) -> int:
        channels = self.shape(real)[-1]
        weights = self.constant(np.zeros((filters, kernel, kernel, channels), np.float32))
        bias = self.constant(np.zeros(filters, np.float32))
        return self.op("CONV_2D", [real, weights, bias], (1, out_side, out_side, filters))

    def planes(self, real: int, layer: Layer, filters: int) -> int:
        """The sum over both kinds of planes: 2^(i + j) times a binary convolution."""
        alpha = np.linspace(0.5, 1.5, filters)
        maps = [self.quantize(real) for _ in range(layer.activation_bits)]
        terms = [
            self.bconv(bits, layer.in_channels, filters, layer.kernel_side, layer.out_side, alpha * 2.0 ** (i + j) / 3)
            for i in range(layer.weight_bits)
            for j, bits in enumerate(maps)
        ]
        total = terms[0]
        for term in terms[1:]:
            total = self.op("ADD", [total, term], self.shape(total))
        return total

    def bytes(self, source: int, output: int) -> bytes:
        return tflite_bytes(self.tensors, self.ops, [source], [output])


def packed_file(network: Network) -> bytes:
    """A flatbuffer of all layers of a network in the packed form, one after the other, each reading a map of its own.

    Split layers are two convolutions side by side; k-bit layers are sums of planes; quantised dense layers are 1×1
    convolutions; k-bit or float padding stands before the full-precision convolutions.
    """
    writer = Writer()
    first = last = writer.value((1, network.image_side, network.image_side, network.image_channels))
    for layer in network:
        last = _layer(writer, layer)
    return writer.bytes(first, last)


def _layer(writer: Writer, layer: Layer) -> int:
    real = writer.value((1, layer.in_side, layer.in_side, layer.in_channels))
    if layer.is_float:
        if layer.kind == "dense":
            weights = writer.constant(np.zeros((layer.out_channels, layer.in_channels), np.float32))
            return writer.op("FULLY_CONNECTED", [real, weights, -1], (1, layer.out_channels))
        return writer.conv(_padded(writer, real), layer.out_channels, layer.kernel_side, layer.out_side)
    narrow = writer.planes(real, layer, layer.quantised_filters)
    if not layer.is_split:
        return narrow
    read = real
    if layer.float_filter_input == "sign":
        read = writer.op("LceDequantize", [writer.quantize(real)], writer.shape(real))
    wide = writer.conv(_padded(writer, read), layer.float_filters, layer.kernel_side, layer.out_side)
    return writer.op("CONCATENATION", [wide, narrow], (1, layer.out_side, layer.out_side, layer.out_channels))


def _padded(writer: Writer, real: int) -> int:
    _, height, width, channels = writer.shape(real)
    amounts = writer.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    return writer.op("PAD", [real, amounts], (1, height + 2, width + 2, channels))
