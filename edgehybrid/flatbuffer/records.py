"""What a .tflite file holds, as the reader hands it out."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from edgehybrid.errors import FlatbufferError

ABSENT = -1


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """A value of the graph.

    Attributes:
        shape: 1 stands for an axis of unknown length.
        type_name: ``float32``, ``int8``, ``int32`` …
        data: the constant, of that shape and type, read-only; flat uint8, the bytes as stored, for types that
            NumPy does not have (int4, bfloat16, string …) and for sparse constants; None for a value computed
            at run time.
        buffer: number of the file's buffer that holds the constant; tensors with the same one share it. Buffer 0
            is empty by convention.
        buffer_bytes: size of the constant in the file, 0 without one.
        scales, zero_points: of the quantisation, real = scale × (stored - zero point): one for the tensor, or
            one for each index of the axis ``quantized_dimension``; empty without quantisation.
        is_variable: keeps its value from one inference to the next.
        is_sparse: the zeros of the constant are left out of the file.
        unknown_axes: the axes of unknown length.
    """

    name: str
    shape: tuple[int, ...]
    type_name: str
    data: NDArray[Any] | None
    buffer: int
    buffer_bytes: int
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    quantized_dimension: int
    is_variable: bool
    is_sparse: bool
    unknown_axes: tuple[int, ...] = ()

    @property
    def has_scale(self) -> bool:
        """Whether the quantisation has a scale."""
        return bool(self.scales)

    @property
    def has_zero_point(self) -> bool:
        """Whether the quantisation has a zero point, which may be 0."""
        return bool(self.zero_points)


@dataclass(frozen=True, slots=True)
class Op:
    """One operator.

    Attributes:
        name: the builtin's name such as ``CONV_2D``, or the custom code such as ``LceBconv2d``.
        inputs, outputs: indices into the subgraph's tensors; -1 stands for an optional input that is absent.
        options: name as in LiteRT's schema.fbs (``stride_w``) → number, text or tuple of numbers; an enumeration
            is its number. Options the file leaves out have the schema's default; texts left out are missing.
            Of custom operators, those of ``Lce…`` and ``Edgehybrid…`` are read, as integers; empty for all others.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, object]

    def integer(self, option: str) -> int:
        """An option that is a whole number or a truth value; 0, most defaults, where the operator has no such option.

        Raises:
            FlatbufferError: it is something else, so the operator has the options of another one.
        """
        value = self.options.get(option, 0)
        if not isinstance(value, int):
            raise FlatbufferError(
                f"The model file is damaged: the option {option} of a {self.name} is no whole number.", received=value
            )
        return int(value)


@dataclass(frozen=True, eq=False)
class Subgraph:
    """A graph of operators: the model itself, a branch or the body of a loop, or one of several entries.

    Attributes:
        ops: in the order of execution.
        inputs, outputs: indices into the tensors.
    """

    name: str
    ops: tuple[Op, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Flatbuffer:
    """A .tflite file.

    Attributes:
        subgraphs: at least one; an interpreter starts with the first.
        content: the whole file, which constants are views of.
        buffers: byte position and size of each, also of those that no tensor uses; two may be the same bytes.
        metadata: name of each entry, and the number of its buffer as the file states it.
    """

    subgraphs: tuple[Subgraph, ...]
    content: bytes = field(repr=False)
    buffers: tuple[tuple[int, int], ...] = ()
    metadata: tuple[tuple[str, int], ...] = ()

    @property
    def size_bytes(self) -> int:
        """Of the whole file."""
        return len(self.content)

    @cached_property
    def sha256(self) -> str:
        """Of the whole file. Who only runs it need not wait for it."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def ops(self) -> tuple[Op, ...]:
        """Operators of the first subgraph, in the order of execution."""
        return self.subgraphs[0].ops

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Tensors of the first subgraph."""
        return self.subgraphs[0].tensors

    @property
    def inputs(self) -> tuple[int, ...]:
        """Inputs of the first subgraph, as indices into its tensors."""
        return self.subgraphs[0].inputs

    @property
    def outputs(self) -> tuple[int, ...]:
        """Outputs of the first subgraph, as indices into its tensors."""
        return self.subgraphs[0].outputs
