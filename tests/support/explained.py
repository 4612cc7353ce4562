"""Small flatbuffers to explain, with layers that are quantised on purpose, and their explanations."""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from lce_layers import BinaryConv
from numpy.typing import NDArray
from tiny_flatbuffers import (
    TinyTensor,
    float_flatbuffer,
    loop_flatbuffer,
    many_kinds_flatbuffer,
    pack,
    packed_flatbuffer,
    tflite_bytes,
)
from tiny_layers import Writer

from converters.explain.explanation import Explanation, explain
from edgehybrid.flatbuffer import parse_flatbuffer

WINDOW: dict[str, Any] = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
VALID = schema.Padding.VALID


def explained(data: bytes) -> Explanation:
    return explain(parse_flatbuffer(data, "model.tflite"), "model.tflite")


def sound_models() -> dict[str, bytes]:
    return {
        "float": float_flatbuffer(),
        "packed": packed_flatbuffer(),
        "many kinds": many_kinds_flatbuffer(),
        "loop": loop_flatbuffer(),
        "thresholds": BinaryConv(output="packed").flatbuffer(),
        "groups": BinaryConv(channels_in=64, groups=2, output="int8").flatbuffer(),
        "sign": sign_and_convolution().bytes(0, -1),
        "dense": dense_of_bits(),
        "no operator": tflite_bytes([TinyTensor("x", (1,))], [], [0], [0]),
    }


def signs(*shape: int) -> NDArray[np.float32]:
    return np.where(np.random.default_rng(0).random(shape) < 0.5, -1, 1).astype(np.float32)


def reals(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


class LayerWriter(Writer):
    """Writes the operators around a layer; -1 stands for the last tensor of an operator."""

    def sign(self, source: int) -> int:
        """x ≥ 0 chooses 1 or -1."""
        zero, one, minus_one = (self.constant(np.array(number, np.float32)) for number in (0, 1, -1))
        compared = self.op("GREATER_EQUAL", [source, zero], self.shape(source), "bool")
        return self.op("SELECT_V2", [compared, one, minus_one], self.shape(source))

    def unpacked(self, source: int) -> int:
        """What Larq's converter leaves of a sign before a layer in float."""
        return self.op("LceDequantize", [self.quantize(source)], self.shape(source))

    def convolution(self, source: int, weights: NDArray[Any], output: str = "layer") -> int:
        """VALID, strides of 1."""
        _, height, width, _ = self.shape(source)
        filters, kernel_height, kernel_width, _ = weights.shape
        shape = (1, height - kernel_height + 1, width - kernel_width + 1, filters)
        options = schema.Conv2DOptionsT(padding=VALID, **WINDOW)
        return self.op("CONV_2D", [source, self.constant(weights), -1], shape, output=output, options=options)

    def dense(self, source: int, weights: NDArray[Any], output: str = "layer") -> int:
        shape = (*self.shape(source)[:-1], len(weights))
        options = schema.FullyConnectedOptionsT(keepNumDims=len(shape) > 2)
        return self.op("FULLY_CONNECTED", [source, self.constant(weights), -1], shape, output=output, options=options)

    def bytes(self, source: int, output: int) -> bytes:
        return super().bytes(source, self.ops[-1].outputs[0] if output < 0 else output)


def sign_and_convolution(weights: NDArray[Any] | None = None) -> LayerWriter:
    """A sign and a 3×3 convolution, 32 → 4 channels, on a map of 5×5."""
    writer = LayerWriter()
    image = writer.value((1, 5, 5, 32), name="image")
    writer.convolution(writer.sign(image), signs(4, 3, 3, 32) if weights is None else weights)
    return writer


def dense_of_bits(weights: NDArray[Any] | None = None) -> bytes:
    """A binary convolution and, as Larq's converter writes it, a dense layer of signs in float32."""
    writer = LayerWriter()
    image = writer.value((1, 1, 1, 64), name="image")
    real = writer.bconv(writer.quantize(image), 64, 32, 1, 1)
    flat = writer.op("RESHAPE", [real, writer.constant(np.array([1, 32], np.int32))], (1, 32))
    writer.dense(writer.unpacked(flat), signs(10, 32) if weights is None else weights)
    return writer.bytes(image, -1)


def with_unused(data: bytes, content: bytes, name: str = "latent") -> bytes:
    """The model with a constant more, of a tensor that nothing reads."""
    model = schema.ModelT.InitFromPackedBuf(bytearray(data))
    model.buffers.append(schema.BufferT(data=np.frombuffer(content, np.uint8)))
    tensor = schema.TensorT(shape=[len(content) // 4], name=name, buffer=len(model.buffers) - 1)
    model.subgraphs[0].tensors.append(tensor)
    return pack(model)
