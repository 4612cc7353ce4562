"""Small .tflite files, written by the FlatBuffer classes of LiteRT, which owe nothing to our reader."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from numpy.typing import NDArray

# A 3×3 binary convolution, SAME with pad value +1.
BCONV_OPTIONS = {
    "channels_in": 40,
    "dilation_height_factor": 1,
    "dilation_width_factor": 1,
    "fused_activation_function": 0,
    "pad_values": 1,
    "padding": 0,
    "stride_height": 1,
    "stride_width": 1,
}


@dataclass
class TinyTensor:
    """A tensor to write; ``scale`` makes it a quantised one with zero point 0."""

    name: str
    shape: tuple[int, ...]
    type_name: str = "float32"
    data: NDArray[Any] | None = None
    scale: float | None = None


@dataclass
class TinyOp:
    """An operator to write: a builtin with its options object, or an ``Lce…`` one with its FlexBuffer map."""

    name: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Any = None


def tflite_bytes(
    tensors: Sequence[TinyTensor],
    ops: Sequence[TinyOp],
    inputs: Sequence[int] = (),
    outputs: Sequence[int] = (),
) -> bytes:
    """A model of one subgraph."""
    graph = schema.SubGraphT(
        tensors=[_tensor(tensor, 1 + index) for index, tensor in enumerate(tensors)],
        inputs=list(inputs),
        outputs=list(outputs),
        operators=[_op(op, index) for index, op in enumerate(ops)],
    )
    # Buffer 0 is empty by convention; then one for each tensor, and one operator code for each operator.
    buffers = [schema.BufferT()] + [_buffer(tensor.data) for tensor in tensors]
    codes = [_code(op.name) for op in ops]
    return pack(schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=buffers))


def pack(model: Any) -> bytes:
    """The bytes of a ``schema.ModelT``."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def float_model() -> bytes:
    """CONV_2D 3×3, 5×5×2 → 3×3×4, VALID; then RESHAPE and FULLY_CONNECTED 36 → 7."""
    filters = np.arange(4 * 3 * 3 * 2, dtype=np.float32).reshape(4, 3, 3, 2)
    dense = np.arange(7 * 36, dtype=np.float32).reshape(7, 36)
    convolution = schema.Conv2DOptionsT(
        padding=schema.Padding.VALID, strideW=1, strideH=1, dilationWFactor=1, dilationHFactor=1
    )
    return tflite_bytes(
        [
            TinyTensor("image", (1, 5, 5, 2)),
            TinyTensor("filters", filters.shape, data=filters),
            TinyTensor("bias", (4,), data=np.zeros(4, np.float32)),
            TinyTensor("map", (1, 3, 3, 4)),
            TinyTensor("flat_shape", (2,), "int32", np.array([1, 36], np.int32)),
            TinyTensor("flat", (1, 36)),
            TinyTensor("dense", dense.shape, data=dense),
            TinyTensor("logits", (1, 7)),
        ],
        [
            TinyOp("CONV_2D", [0, 1, 2], [3], convolution),
            TinyOp("RESHAPE", [3, 4], [5], schema.ReshapeOptionsT(newShape=[1, 36])),
            TinyOp("FULLY_CONNECTED", [5, 6, -1], [7], schema.FullyConnectedOptionsT()),
        ],
        [0],
        [7],
    )


def packed_model(channels_in: int = 40, words: int = 2) -> bytes:
    """LceQuantize, then LceBconv2d 3×3 with 8 filters of ``words`` 32-bit words a pixel, on a 6×5 map."""
    map_words = -(-channels_in // 32)
    filters = np.arange(8 * 3 * 3 * words, dtype=np.int32).reshape(8, 3, 3, words)
    return tflite_bytes(
        [
            TinyTensor("map", (1, 6, 5, channels_in)),
            TinyTensor("bits", (1, 6, 5, map_words), "int32"),
            TinyTensor("filters", filters.shape, "int32", filters),
            TinyTensor("multiplier", (8,), data=np.ones(8, np.float32)),
            TinyTensor("bias", (8,), data=np.zeros(8, np.float32)),
            TinyTensor("binary_conv", (1, 6, 5, 8)),
        ],
        [
            TinyOp("LceQuantize", [0], [1]),
            TinyOp("LceBconv2d", [1, 2, 3, 4, -1], [5], BCONV_OPTIONS | {"channels_in": channels_in}),
        ],
        [0],
        [5],
    )


def _tensor(tensor: TinyTensor, buffer: int) -> Any:
    quantisation = None
    if tensor.scale is not None:
        quantisation = schema.QuantizationParametersT(scale=[tensor.scale], zeroPoint=[0])
    return schema.TensorT(
        shape=list(tensor.shape),
        type=getattr(schema.TensorType, tensor.type_name.upper()),
        buffer=buffer,
        name=tensor.name,
        quantization=quantisation,
    )


def _buffer(data: NDArray[Any] | None) -> Any:
    return schema.BufferT(data=None if data is None else np.frombuffer(data.tobytes(), np.uint8))


def _op(op: TinyOp, code_index: int) -> Any:
    written = schema.OperatorT(opcodeIndex=code_index, inputs=list(op.inputs), outputs=list(op.outputs))
    if isinstance(op.options, dict):
        written.customOptions = np.frombuffer(flexbuffers.Dumps(op.options), np.uint8)
    elif op.options is not None:
        union_entry = type(op.options).__name__.removesuffix("T")
        written.builtinOptionsType = getattr(schema.BuiltinOptions, union_entry)
        written.builtinOptions = op.options
    return written


def _code(name: str) -> Any:
    is_custom = name.startswith("Lce")
    number = getattr(schema.BuiltinOperator, "CUSTOM" if is_custom else name)
    return schema.OperatorCodeT(
        deprecatedBuiltinCode=min(number, 127),
        builtinCode=number,
        customCode=name if is_custom else None,
        version=1,
    )
