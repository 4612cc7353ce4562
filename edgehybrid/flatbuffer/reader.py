"""Reads the operators and tensors of a .tflite file. Needs the flatbuffers package, LiteRT's schema and NumPy only.

Field numbers: schema.fbs of TensorFlow Lite. Custom operators: Larq Compute Engine 0.16.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from flatbuffers.number_types import (
    Float32Flags,
    Int8Flags,
    Int32Flags,
    Int64Flags,
    Uint8Flags,
    Uint32Flags,
    Uint64Flags,
)
from numpy.typing import NDArray

from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer.records import ABSENT, Flatbuffer, Op, Subgraph, Tensor
from edgehybrid.flatbuffer.schema import TENSOR_TYPES, builtin_options, operator_name
from edgehybrid.flatbuffer.table import File, Table

IDENTIFIER = b"TFL3"
# NumPy 1 arrays have at most 32 axes; no TFLite operator takes more than 8.
MAX_RANK = 32
# A matrix may have a scale for each of its rows, and that of a vocabulary has some hundred thousand.
MAX_SCALES = 1 << 22
# An interpreter counts elements in 64 bits; what is computed from a shape must stay a finite float.
MAX_ELEMENTS = 2**63 - 1
# In a shape. The schema writes 1 there and -1 into another field, but not all converters do.
UNKNOWN_LENGTH = -1
# The tensor types of which NumPy has the layout. That of bfloat16 and int4 it learns where ml_dtypes is imported,
# with a byte for each int4, where a file has two in one.
_ARRAY_TYPES = (
    *("float16", "float32", "float64", "complex64", "complex128", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
_CUSTOM = "CUSTOM"


def read_flatbuffer(path: str | Path) -> Flatbuffer:
    """Reads a .tflite file whole.

    Raises:
        FlatbufferError: the file is missing, unreadable, empty, not TFLite, truncated or corrupted.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise FlatbufferError(
                "There is no such model file.",
                received=path,
                allowed="a .tflite file",
                next_step="Check the path, or make a file with: edgehybrid convert RUN --target aarch64",
            )
        data = path.read_bytes()
    except OSError as error:
        raise FlatbufferError(
            f"The model file cannot be read: {error}.",
            received=path,
            allowed="a .tflite file that may be read",
            next_step="Check its permissions, or copy it to another place.",
        ) from error
    return parse_flatbuffer(data, path)


def parse_flatbuffer(data: bytes, source: str | Path) -> Flatbuffer:
    """Like ``read_flatbuffer``, from memory. Constants are views of ``data``; errors name ``source``."""
    if data[4:8] != IDENTIFIER:
        raise FlatbufferError(
            "The file is not a TFLite flatbuffer.",
            received=f"{source}, {len(data)} bytes, with {data[4:8]!r} at bytes 4 to 7",
            allowed=f"a .tflite file, which has {IDENTIFIER!r} there",
            next_step="Make one with: edgehybrid convert RUN --target aarch64",
        )
    return _flatbuffer(File(data, source))


def _flatbuffer(file: File) -> Flatbuffer:
    root = file.root()
    codes = [_code(code) for code in root.tables(1)]
    places = [_place(buffer) for buffer in root.tables(4)]
    buffers = [memoryview(file.data)[start : start + size] for start, size in places]
    subgraphs = tuple(_subgraph(subgraph, codes, buffers) for subgraph in root.tables(2))
    if not subgraphs:
        raise file.error("it has no subgraph")
    metadata = tuple((entry.string(0), entry.number(1, Uint32Flags)) for entry in root.tables(6))
    return Flatbuffer(subgraphs, file.data, tuple(places), metadata)


def _code(code: Table) -> tuple[str, bool]:
    """The name of an operator, and whether it is a builtin."""
    # Codes above 127 do not fit the older field, which then holds 127; older writers know that field only.
    name = operator_name(max(code.number(0, Int8Flags), code.number(3, Int32Flags)))
    return (code.string(1), False) if name == _CUSTOM else (name, True)


def _place(buffer: Table) -> tuple[int, int]:
    """Byte position and size of a buffer's content."""
    # Files above 2 GB keep the bytes behind the FlatBuffer; offsets 0 and 1 mean that they do not.
    offset, size = buffer.number(1, Uint64Flags), buffer.number(2, Uint64Flags)
    if offset <= 1:
        offset, size = buffer.vector(0, 1)
    buffer.file.check(offset, size)
    return offset, size


def _subgraph(graph: Table, codes: list[tuple[str, bool]], buffers: list[memoryview]) -> Subgraph:
    tensors = graph.tables(0)
    count = len(tensors)
    ops = tuple(_op(op, codes, count) for op in graph.tables(3))
    inputs, outputs = _indices(graph, 1, 0, count), _indices(graph, 2, 0, count)
    used = {*inputs, *outputs}.union(*(op.inputs for op in ops), *(op.outputs for op in ops))
    return Subgraph(
        graph.string(4),
        ops,
        tuple(_tensor(tensor, buffers, is_used=index in used) for index, tensor in enumerate(tensors)),
        inputs,
        outputs,
    )


def _op(op: Table, codes: list[tuple[str, bool]], tensors: int) -> Op:
    code = op.number(0, Uint32Flags)
    if code >= len(codes):
        raise op.file.error(f"operator code {code} does not exist")
    name, is_builtin = codes[code]
    inputs, outputs = _indices(op, 1, ABSENT, tensors), _indices(op, 2, 0, tensors)
    options: dict[str, object] = {}
    if is_builtin:
        options = builtin_options(op)
    elif name.startswith(("Lce", "Edgehybrid")):
        options = dict(op.integer_map(5))
    return Op(name, inputs, outputs, options)


def _indices(table: Table, field: int, lowest: int, tensors: int) -> tuple[int, ...]:
    indices = table.numbers(field)
    for index in indices:
        if not lowest <= index < tensors:
            raise table.file.error(f"tensor {index} does not exist")
    return indices


def _tensor(tensor: Table, buffers: list[memoryview], *, is_used: bool) -> Tensor:
    name, shape, type_number = tensor.string(3), _shape(tensor, is_used), tensor.number(1, Int8Flags)
    if type_number not in TENSOR_TYPES:
        raise _error(tensor, f"has the unknown type {type_number}")
    buffer_index, is_elsewhere = tensor.number(2, Uint32Flags), tensor.number(10, Uint32Flags)
    if is_elsewhere or buffer_index >= len(buffers):
        raise _error(tensor, "has a constant that is not in the file")
    buffer, type_name = buffers[buffer_index], TENSOR_TYPES[type_number]
    is_sparse = tensor.table(6) is not None
    data: NDArray[Any] | None = None
    if buffer:
        data = np.frombuffer(buffer, np.uint8)
        if type_name in _ARRAY_TYPES and not is_sparse:
            dtype = np.dtype(type_name).newbyteorder("<")
            if len(buffer) != math.prod(shape) * dtype.itemsize:
                raise _error(tensor, f"of {type_name}{shape} has {len(buffer)} bytes")
            data = data.view(dtype).reshape(shape)
    quantisation = tensor.table(4)
    return Tensor(
        name,
        shape,
        type_name,
        data,
        buffer_index,
        len(buffer),
        quantisation.numbers(2, Float32Flags, MAX_SCALES) if quantisation else (),
        quantisation.numbers(3, Int64Flags, MAX_SCALES) if quantisation else (),
        quantisation.number(6, Int32Flags) if quantisation else 0,
        is_variable=bool(tensor.number(5, Uint8Flags)),
        is_sparse=is_sparse,
        unknown_axes=_unknown_axes(tensor),
    )


def _unknown_axes(tensor: Table) -> tuple[int, ...]:
    """Axes whose length the file leaves open: in the shape, or in the signature that stands beside it."""
    lengths = (tensor.numbers(0), tensor.numbers(7))
    return tuple(sorted({axis for shape in lengths for axis, n in enumerate(shape) if n == UNKNOWN_LENGTH}))


def _shape(tensor: Table, is_used: bool) -> tuple[int, ...]:
    """The shape with 1 for lengths unknown. Converters leave tensors behind that nothing uses, in any state."""
    shape = tuple(1 if length == UNKNOWN_LENGTH else length for length in tensor.numbers(0))
    if not is_used:
        shape = tuple(max(length, 0) for length in shape)
    if len(shape) > MAX_RANK or min(shape, default=0) < 0 or math.prod(shape) > MAX_ELEMENTS:
        raise _error(tensor, f"has the impossible shape {shape[:MAX_RANK]}")
    return shape


def _error(tensor: Table, problem: str) -> FlatbufferError:
    return tensor.file.error(f"tensor {tensor.string(3)[:80]!r} {problem}")
