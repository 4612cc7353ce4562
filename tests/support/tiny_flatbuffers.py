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
    """A tensor to write.

    Attributes:
        shape: written as it is, also with -1.
        data: the constant, of any shape and type: its bytes are written.
        scale, zero_point: of a quantised tensor, one or a list.
        buffer: number of the buffer with the constant, to share that of another tensor: tensor n has buffer 1 + n,
            counted through all subgraphs.
        is_sparse: says that zeros are left out of ``data``, though not which: every axis is described as dense.
    """

    name: str
    shape: tuple[int, ...]
    type_name: str = "float32"
    data: NDArray[Any] | None = None
    scale: float | Sequence[float] | None = None
    zero_point: int | Sequence[int] = 0
    quantized_dimension: int = 0
    buffer: int | None = None
    is_sparse: bool = False
    is_variable: bool = False


@dataclass
class TinyOp:
    """An operator to write.

    Attributes:
        name: a builtin, ``BUILTIN_<number>``, or else the code of a custom operator.
        options: an options object of the schema for a builtin; a map to write as FlexBuffer for a custom operator.
    """

    name: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Any = None


@dataclass
class TinyGraph:
    """A subgraph to write; inputs and outputs are indices into its tensors."""

    tensors: Sequence[TinyTensor]
    ops: Sequence[TinyOp] = ()
    inputs: Sequence[int] = ()
    outputs: Sequence[int] = ()
    name: str | None = None


def tflite_bytes(
    tensors: Sequence[TinyTensor],
    ops: Sequence[TinyOp],
    inputs: Sequence[int] = (),
    outputs: Sequence[int] = (),
) -> bytes:
    """A model of one subgraph."""
    return tflite_bytes_of([TinyGraph(tensors, ops, inputs, outputs)])


def tflite_bytes_of(graphs: Sequence[TinyGraph]) -> bytes:
    """A model of several subgraphs."""
    # Buffer 0 is empty by convention; then one for each tensor, and one operator code for each operator.
    buffers, codes, written = [schema.BufferT()], [], []
    for graph in graphs:
        written.append(
            schema.SubGraphT(
                name=graph.name,
                tensors=[_tensor(tensor, len(buffers) + place) for place, tensor in enumerate(graph.tensors)],
                inputs=list(graph.inputs),
                outputs=list(graph.outputs),
                operators=[_op(op, len(codes) + place) for place, op in enumerate(graph.ops)],
            )
        )
        buffers += [_buffer(tensor.data) for tensor in graph.tensors]
        codes += [_code(op.name) for op in graph.ops]
    return pack(schema.ModelT(version=3, operatorCodes=codes, subgraphs=written, buffers=buffers))


def pack(model: Any) -> bytes:
    """The bytes of a ``schema.ModelT``."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def float_flatbuffer() -> bytes:
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


def two_regions_flatbuffer(shape: tuple[int, ...]) -> bytes:
    """quantize → dequantize → NEG → quantize → dequantize: a node of the host's between two regions."""
    bits = TinyTensor("bits", (*shape[:-1], -(-shape[-1] // 32)), "int32")
    return tflite_bytes(
        [
            TinyTensor("x", shape),
            bits,
            TinyTensor("signs", shape),
            TinyTensor("neg", shape),
            bits,
            TinyTensor("y", shape),
        ],
        [
            TinyOp("LceQuantize", [0], [1]),
            TinyOp("LceDequantize", [1], [2]),
            TinyOp("NEG", [2], [3], schema.NegOptionsT()),
            TinyOp("LceQuantize", [3], [4]),
            TinyOp("LceDequantize", [4], [5]),
        ],
        [0],
        [5],
    )


def packed_flatbuffer(channels_in: int = 40, words: int = 2) -> bytes:
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


def many_kinds_flatbuffer() -> bytes:
    """Two subgraphs with what the other models lack: quantised channels, a sparse and a shared constant, a variable,
    texts, options of both unions, a length that is unknown, a type that NumPy lacks, custom operators."""
    words = np.frombuffer(b"\1\0\0\0\x0c\0\0\0\x0f\0\0\0cat", np.uint8)
    filters = np.arange(24, dtype=np.int8).reshape(3, 2, 2, 2)
    first = TinyGraph(
        [
            TinyTensor("image", (-1, 5, 5, 2), "int8", scale=0.5, zero_point=-3),
            TinyTensor("filters", filters.shape, "int8", filters, [0.5, 0.25, 2.0], [0, 0, 0]),
            TinyTensor("map", (1, 4, 4, 3), "int8", scale=0.25),
            TinyTensor("words", (1,), "string", words),
            TinyTensor("sparse", (2, 4), data=np.ones(3, np.float32), is_sparse=True),
            TinyTensor("state", (2,), is_variable=True),
            TinyTensor("handle", (), "resource"),
            TinyTensor("leftover", (-7, 3)),
            TinyTensor("padded", (1, 6, 6, 3), "int8"),
        ],
        [
            TinyOp(
                "CONV_2D", [0, 1, -1], [2], schema.Conv2DOptionsT(padding=schema.Padding.VALID, strideW=1, strideH=1)
            ),
            TinyOp("VAR_HANDLE", [], [6], schema.VarHandleOptionsT(container="jar", sharedName="state")),
            TinyOp(
                "STABLEHLO_PAD",
                [2, 4],
                [8],
                schema.StablehloPadOptionsT(edgePaddingLow=[0, 1, 1, 0], edgePaddingHigh=[0, 1, 1, 0]),
            ),
            TinyOp("BUCKETIZE", [4], [5], schema.BucketizeOptionsT(boundaries=[0.5, 1.5])),
            TinyOp("TheirOwn", [3], [5], {"ratio": 0.5}),
            TinyOp("IF", [5], [8], schema.IfOptionsT(thenSubgraphIndex=1, elseSubgraphIndex=1)),
        ],
        [0],
        [8],
        "main",
    )
    second = TinyGraph(
        [TinyTensor("same_filters", (24,), "int8", buffer=2), TinyTensor("out", (24,), "int8")],
        [TinyOp("BUILTIN_250", [0], [1])],
        [],
        [1],
        "branch",
    )
    return tflite_bytes_of([first, second])


def loop_flatbuffer(start: Any = 0, limit: Any = 5, step: Any = 1) -> bytes:
    """A WHILE that counts from start to limit, and writes the counter; None is a number that is computed or given.

    The numbers are float32 where one is a float, else int64.
    """
    is_float = any(isinstance(number, float) for number in (start, limit, step))
    type_name = "float32" if is_float else "int64"

    def number(name: str, value: Any) -> TinyTensor:
        return TinyTensor(name, (1,), type_name, None if value is None else np.array([value], type_name))

    condition = TinyGraph(
        [number("counter", None), number("limit", limit), TinyTensor("goes_on", (1,), "bool")],
        [TinyOp("LESS", [0, 1], [2], schema.LessOptionsT())],
        [0],
        [2],
        "condition",
    )
    body = TinyGraph(
        [number("counter", None), number("step", step), number("next", None)],
        [TinyOp("ADD", [0, 1], [2], schema.AddOptionsT())],
        [0],
        [2],
        "body",
    )
    options = schema.WhileOptionsT(condSubgraphIndex=1, bodySubgraphIndex=2)
    caller = TinyGraph(
        [number("start", start), number("end", None)], [TinyOp("WHILE", [0], [1], options)], [], [1], "main"
    )
    return tflite_bytes_of([caller, condition, body])


def _tensor(tensor: TinyTensor, buffer: int) -> Any:
    quantisation = sparsity = None
    if tensor.scale is not None:
        quantisation = schema.QuantizationParametersT(
            scale=_listed(tensor.scale),
            zeroPoint=_listed(tensor.zero_point),
            quantizedDimension=tensor.quantized_dimension,
        )
    if tensor.is_sparse:
        axes = [
            schema.DimensionMetadataT(format=schema.DimensionType.DENSE, denseSize=length) for length in tensor.shape
        ]
        sparsity = schema.SparsityParametersT(traversalOrder=list(range(len(axes))), dimMetadata=axes)
    return schema.TensorT(
        shape=list(tensor.shape),
        type=getattr(schema.TensorType, tensor.type_name.upper()),
        buffer=buffer if tensor.buffer is None else tensor.buffer,
        name=tensor.name,
        quantization=quantisation,
        sparsity=sparsity,
        isVariable=tensor.is_variable,
    )


def _listed(value: float | Sequence[float]) -> list[float]:
    return [value] if isinstance(value, int | float) else list(value)


def _buffer(data: NDArray[Any] | None) -> Any:
    return schema.BufferT(data=None if data is None else np.frombuffer(data.tobytes(), np.uint8))


def _op(op: TinyOp, code_index: int) -> Any:
    written = schema.OperatorT(opcodeIndex=code_index, inputs=list(op.inputs), outputs=list(op.outputs))
    if isinstance(op.options, dict):
        written.customOptions = np.frombuffer(flexbuffers.Dumps(op.options), np.uint8)
    elif op.options is not None:
        entry = type(op.options).__name__.removesuffix("T")
        if hasattr(schema.BuiltinOptions, entry):
            written.builtinOptionsType, written.builtinOptions = getattr(schema.BuiltinOptions, entry), op.options
        else:
            written.builtinOptions2Type, written.builtinOptions2 = getattr(schema.BuiltinOptions2, entry), op.options
    return written


def _code(name: str) -> Any:
    if name.startswith("BUILTIN_"):
        number = int(name.removeprefix("BUILTIN_"))
    else:
        number = getattr(schema.BuiltinOperator, name, schema.BuiltinOperator.CUSTOM)
    return schema.OperatorCodeT(
        deprecatedBuiltinCode=min(number, 127),
        builtinCode=number,
        customCode=name if number == schema.BuiltinOperator.CUSTOM else None,
        version=1,
    )
