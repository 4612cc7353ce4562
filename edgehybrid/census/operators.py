"""Counts what a .tflite file holds: a row for each multiplication of an operator by weights, or of two maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edgehybrid.census.multiplications import BINARY, Multiplication, multiplications_of
from edgehybrid.flatbuffer import ABSENT, Op, Tensor

# What only changes the form of a constant: weights stored in a narrower type, or without their zeros.
_UNPACKING = ("DEQUANTIZE", "DENSIFY")


class Operators(Protocol):
    """A subgraph of a flatbuffer, or the flatbuffer for its first one."""

    @property
    def ops(self) -> Sequence[Op]:
        """In the order of execution."""

    @property
    def tensors(self) -> Sequence[Tensor]:
        """What the indices of operators mean."""

    @property
    def inputs(self) -> Sequence[int]:
        """The tensors that are there before the first operator."""


@dataclass(frozen=True)
class CensusRow:
    """A multiplication. Biases, multipliers and thresholds are not counted.

    Attributes:
        name: name of the output tensor; behind a slash the matrix, for operators with several.
        precision: ``packed`` for 1-bit weights; else the type of the stored weights, such
            as ``float32`` or ``int8``; of the second map where a map is multiplied by a map.
        in_channels: channels of the map read, before packing; all groups together.
        weights: number of weights, before packing; 0 where a map is multiplied by a map.
        bytes: size of the weights in the file; 0 when they are computed at run time.
        macs: multiply-accumulates of one call of the file with the shapes that it states.
    """

    name: str
    op: str
    precision: str
    kernel_height: int
    kernel_width: int
    in_channels: int
    out_channels: int
    weights: int
    bytes: int
    macs: int


def census(part: Operators) -> list[CensusRow]:
    """A row for each multiplication, in the order of execution.

    Raises:
        FlatbufferError: the shapes around such an operator contradict each other.
    """
    return [row for _, row in counted_multiplications(part)]


def counted_multiplications(part: Operators) -> list[tuple[Multiplication, CensusRow]]:
    """Each multiplication with its row.

    Raises:
        FlatbufferError: see ``census``.
    """
    stored = stored_tensors(part)
    return [
        (found, _census_row(found, part.tensors, stored))
        for op in part.ops
        for found in multiplications_of(op, part.tensors, stored)
    ]


def stored_tensors(part: Operators) -> Mapping[int, int]:
    """For each tensor that an operator only unpacks: the tensor as the file stores it."""
    found: dict[int, int] = {}
    for op in part.ops:
        if op.name in _UNPACKING and op.outputs and op.inputs and op.inputs[0] != ABSENT:
            found[op.outputs[0]] = found.get(op.inputs[0], op.inputs[0])
    return found


def _census_row(found: Multiplication, tensors: Sequence[Tensor], stored: Mapping[int, int]) -> CensusRow:
    weights = tensors[stored.get(found.weights, found.weights)]
    is_packed = found.op.name in BINARY and weights.type_name == "int32"
    output = tensors[found.op.outputs[0]].name
    return CensusRow(
        name=f"{output}/{found.role}" if found.role else output,
        op=found.op.name,
        precision="packed" if is_packed else weights.type_name,
        kernel_height=found.kernel[0],
        kernel_width=found.kernel[1],
        in_channels=found.in_channels,
        out_channels=found.out_channels,
        weights=found.weight_count,
        bytes=weights.buffer_bytes,
        macs=found.macs,
    )
