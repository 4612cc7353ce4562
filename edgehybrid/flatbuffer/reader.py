"""Reads the operators and tensors of a .tflite file. Needs the flatbuffers package and NumPy only.

Field numbers and enumerations: schema.fbs of TensorFlow Lite. Custom operators: Larq Compute Engine 0.16.
"""

import hashlib
import math
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from flatbuffers.number_types import Int8Flags, Int32Flags, Uint32Flags, Uint64Flags
from numpy.typing import NDArray

from edgehybrid.errors import ModelFileError
from edgehybrid.flatbuffer.table import File, Table

IDENTIFIER = b"TFL3"
# NumPy 1 arrays have at most 32 axes; no TFLite operator takes more than 8.
MAX_RANK = 32
ABSENT = -1

TensorType = IntEnum(
    "TensorType",
    """
FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING BOOL INT16 COMPLEX64 INT8 FLOAT64 COMPLEX128 UINT64 RESOURCE VARIANT
UINT32 UINT16 INT4 BFLOAT16 INT2 UINT4 FLOAT8_E4M3FN FLOAT8_E5M2
""",
    start=0,
)
# NumPy has no type of the same layout.
BYTES_ONLY = (
    TensorType.STRING,
    TensorType.RESOURCE,
    TensorType.VARIANT,
    TensorType.INT4,
    TensorType.BFLOAT16,
    TensorType.INT2,
    TensorType.UINT4,
    TensorType.FLOAT8_E4M3FN,
    TensorType.FLOAT8_E5M2,
)

BuiltinOperator = IntEnum(
    "BuiltinOperator",
    """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH
SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN
GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM
STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM
CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN
TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN
FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV
REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE
MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG
QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND
SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO
RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE
RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX
UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC
STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP
STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL
STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR
STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER
STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE
STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA
STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER
STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT
STABLEHLO_CBRT STABLEHLO_CASE
""",
    start=0,
)


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the graph.

    Attributes:
        shape: 1 stands for an axis of unknown length, as in the file.
        type_name: ``float32``, ``int8``, ``int32`` …
        data: the constant, of that shape and type, read-only; flat uint8 for types that NumPy does not have
            (int4, bfloat16, string …); None for a value computed at run time.
        buffer_bytes: size of the constant in the file, 0 without one.
        has_scale, has_zero_point: whether the quantisation parameter is there.
    """

    name: str
    shape: tuple[int, ...]
    type_name: str
    data: NDArray[Any] | None
    buffer_bytes: int
    has_scale: bool
    has_zero_point: bool


@dataclass(frozen=True)
class Op:
    """One operator.

    Attributes:
        name: the builtin's name such as ``CONV_2D``, or the custom code such as ``LceBconv2d``.
        inputs, outputs: indices into the tensors; -1 stands for an optional input that is absent.
        options: the options of an ``Lce…`` operator; empty for all others.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, int]


@dataclass(frozen=True, eq=False)
class Flatbuffer:
    """The one subgraph of a .tflite file, operators in the order of execution."""

    ops: tuple[Op, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    size_bytes: int
    sha256: str


def read_flatbuffer(path: str | Path) -> Flatbuffer:
    """Reads a .tflite file whole.

    Raises:
        ModelFileError: the file is missing, unreadable, empty, not TFLite, truncated, corrupted, or has more
            than one subgraph.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise ModelFileError("There is no such model file.", received=path, allowed="a .tflite file")
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"The model file cannot be read: {error}.", received=path) from error
    return parse_flatbuffer(data, path)


def parse_flatbuffer(data: bytes, source: str | Path) -> Flatbuffer:
    """Like ``read_flatbuffer``, from memory. Constants are views of ``data``; errors name ``source``."""
    if data[4:8] != IDENTIFIER:
        raise ModelFileError(
            "The file is not a TFLite flatbuffer.",
            received=f"{source}, {len(data)} bytes, with {data[4:8]!r} at bytes 4 to 7",
            allowed=f"a .tflite file, which has {IDENTIFIER!r} there",
            next_step="Make one with: edgehybrid convert RUN --target aarch64",
        )
    return _read_root(File(data, source))


def _read_root(file: File) -> Flatbuffer:
    root = file.root()
    op_names = [_op_name(code) for code in root.tables(1)]
    subgraphs = root.tables(2)
    if len(subgraphs) != 1:
        raise file.error(f"it has {len(subgraphs)} subgraphs, and only models with one are read")
    buffers = [_buffer(buffer) for buffer in root.tables(4)]
    graph = subgraphs[0]
    tensors = tuple(_tensor(tensor, buffers) for tensor in graph.tables(0))
    count = len(tensors)
    return Flatbuffer(
        tuple(_op(op, op_names, count) for op in graph.tables(3)),
        tensors,
        _indices(graph, 1, 0, count),
        _indices(graph, 2, 0, count),
        len(file.data),
        hashlib.sha256(file.data).hexdigest(),
    )


def _op_name(code: Table) -> str:
    # Codes above 127 do not fit the older field, which then holds 127; older writers know that field only.
    value = max(code.number(0, Int8Flags), code.number(3, Int32Flags))
    if value == BuiltinOperator["CUSTOM"]:
        return code.string(1)
    return BuiltinOperator(value).name if 0 <= value < len(BuiltinOperator) else f"BUILTIN_{value}"


def _buffer(buffer: Table) -> memoryview:
    # Files above 2 GB keep the bytes behind the FlatBuffer; offsets 0 and 1 mean that they do not.
    offset, size = buffer.number(1, Uint64Flags), buffer.number(2, Uint64Flags)
    if offset <= 1:
        offset, size = buffer.vector(0, 1)
    buffer.file.check(offset, size)
    return memoryview(buffer.file.data)[offset : offset + size]


def _tensor(tensor: Table, buffers: list[memoryview]) -> Tensor:
    name, shape, type_number = tensor.string(3), tensor.numbers(0), tensor.number(1, Int8Flags)
    if not 0 <= type_number < len(TensorType):
        raise tensor.file.error(f"tensor {name[:80]!r} has the unknown type {type_number}")
    if len(shape) > MAX_RANK or min(shape, default=0) < 0:
        raise tensor.file.error(f"tensor {name[:80]!r} has the impossible shape {shape[:MAX_RANK]}")
    buffer_index, is_elsewhere = tensor.number(2, Uint32Flags), tensor.number(10, Uint32Flags)
    if is_elsewhere or buffer_index >= len(buffers):
        raise tensor.file.error(f"the constant of tensor {name[:80]!r} is not in the file")
    buffer, type_name = buffers[buffer_index], TensorType(type_number).name.lower()
    data: NDArray[Any] | None = None
    if buffer:
        data = np.frombuffer(buffer, np.uint8)
        if type_number not in BYTES_ONLY:
            dtype = np.dtype(type_name).newbyteorder("<")
            if len(buffer) != math.prod(shape) * dtype.itemsize:
                raise tensor.file.error(f"tensor {name[:80]!r}, {type_name}{shape}, has {len(buffer)} bytes")
            data = data.view(dtype).reshape(shape)
    quantisation = tensor.table(4)
    has_scale = quantisation is not None and quantisation.vector(2, 4)[1] > 0
    has_zero_point = quantisation is not None and quantisation.vector(3, 8)[1] > 0
    return Tensor(name, shape, type_name, data, len(buffer), has_scale, has_zero_point)


def _op(op: Table, op_names: list[str], tensors: int) -> Op:
    code = op.number(0, Uint32Flags)
    if code >= len(op_names):
        raise op.file.error(f"operator code {code} does not exist")
    name = op_names[code]
    inputs, outputs = _indices(op, 1, ABSENT, tensors), _indices(op, 2, 0, tensors)
    return Op(name, inputs, outputs, op.integer_map(5) if name.startswith("Lce") else {})


def _indices(table: Table, field: int, lowest: int, tensors: int) -> tuple[int, ...]:
    indices = table.numbers(field)
    for index in indices:
        if not lowest <= index < tensors:
            raise table.file.error(f"tensor {index} does not exist")
    return indices
