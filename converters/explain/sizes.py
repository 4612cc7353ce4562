"""Which bytes of a flatbuffer are what. The parts add up to the size of the file.

A constant counts once, for the first operator that reads it, wherever else it is read. An operator that only unpacks a
constant does not count as its reader: its own readers do.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise

import numpy as np

from converters.explain.rows import FLOATS, CalledSubgraph, OpRow, Place
from edgehybrid.census.flatbuffer_graph import SIZELESS, TYPE_BITS, FlatbufferGraph, pieces_of
from edgehybrid.census.joins import joined_planes
from edgehybrid.census.multiplications import MULTIPLYING
from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import ABSENT, Flatbuffer, Op, Tensor

# Each part of a file, and what it is.
PARTS: Mapping[str, str] = {
    "packed_weights": "1-bit weights",
    "word_padding": "padding of their filters to words of 32 bits",
    "bit_planes": "further planes of weights of several bits",
    "scales_and_thresholds": "multipliers, thresholds and biases",
    "float_weights": "float weights",
    "int8_weights": "integer weights",
    "unfolded_constants": "constants of what the converter left to each inference",
    "other_constants": "other constants",
    "unused_buffers": "constants that nothing reads",
    "metadata": "metadata",
    "structure": "operators, names and tables",
}
_ELEMENTWISE = ("ADD", "DIV", "MAXIMUM", "MINIMUM", "MUL", "PRELU", "SUB")
# Their first input is the shape of what they write.
_TRANSPOSED = ("CONV_3D_TRANSPOSE", "TRANSPOSE_CONV")
# (byte position, size): a constant in the file, whatever tensors and buffers share it.
Bytes = tuple[int, int]


@dataclass(frozen=True)
class Unused:
    """Bytes of a constant that no operator reads."""

    name: str
    type_name: str
    bytes: int

    def as_dict(self) -> dict[str, object]:
        """The object that the command prints."""
        return {"name": self.name, "type": self.type_name, "bytes": self.bytes}


@dataclass(frozen=True)
class Unfolded:
    """An operator that computes the same from constants in each inference.

    Attributes:
        bytes: of the constants that it is the first to read.
        result_bytes: of what it writes, which could stand in the file in their place.
    """

    layer: str
    op: str
    bytes: int
    result_bytes: int
    fix: str

    def as_dict(self) -> dict[str, object]:
        """The object that the command prints."""
        return asdict(self)


@dataclass(frozen=True)
class Sizes:
    """The bytes of a file.

    Attributes:
        parts: by the names of ``PARTS``; they add up to the file.
        structure_bytes_per_op: of the part of that name, over the file's operators.
        of_ops: bytes of the constants that each operator is the first to read.
        wasted_bits: bits behind the last channel, of packed weights of each operator that has some.
        unused: what nothing reads.
        duplicate_bytes: constants that stand in the file once more.
    """

    parts: Mapping[str, int]
    structure_bytes_per_op: float
    of_ops: Mapping[Place, int]
    wasted_bits: Mapping[Place, int]
    unused: tuple[Unused, ...]
    duplicate_bytes: int


@dataclass
class _Constants:
    """What is found about the constants, by their bytes in the file."""

    roles: dict[Bytes, str] = field(default_factory=dict)
    used_bits: dict[Bytes, int] = field(default_factory=dict)
    owners: dict[Bytes, Place] = field(default_factory=dict)
    read: set[Bytes] = field(default_factory=set)


def sizes_of(flatbuffer: Flatbuffer, subgraphs: Sequence[CalledSubgraph]) -> Sizes:
    """Gives every byte of a file to one part.

    Raises:
        FlatbufferError: constants overlap, so the bytes of one cannot be told from those of another.
    """
    stored = sorted({place for place in flatbuffer.buffers if place[1]})
    for (start, size), (following, _) in pairwise(stored):
        if start + size > following:
            raise FlatbufferError("The model file is damaged: its constants overlap.", received=f"at byte {following}")
    found = _Constants()
    for subgraph in subgraphs:
        _find_roles(flatbuffer, subgraph, found)
    for subgraph in subgraphs:
        _find_owners(flatbuffer, subgraph, found, of_unpacking=False)
    for subgraph in subgraphs:
        _find_owners(flatbuffer, subgraph, found, of_unpacking=True)
        ends = (subgraph.graph.tensors[index] for index in (*subgraph.graph.inputs, *subgraph.graph.outputs))
        found.read.update(_bytes_of(flatbuffer, tensor) for tensor in ends)
    metadata = {flatbuffer.buffers[number] for _, number in flatbuffer.metadata if number < len(flatbuffer.buffers)}

    total = dict.fromkeys(PARTS, 0)
    of_ops: dict[Place, int] = {}
    wasted: dict[Place, int] = {}
    padding_bits = 0
    unused = []
    names = {_bytes_of(flatbuffer, tensor): tensor for subgraph in subgraphs for tensor in subgraph.graph.tensors}
    for place in stored:
        owner = found.owners.get(place)
        role = found.roles.get(place, "other_constants")
        if owner is not None:
            of_ops[owner] = of_ops.get(owner, 0) + place[1]
        elif place in metadata:
            role = "metadata"
        elif place not in found.read:
            role = "unused_buffers"
            unused.append(_unused(flatbuffer, place, names))
        total[role] += place[1]
        if place in found.used_bits and owner is not None:
            bits = 8 * place[1] - found.used_bits[place]
            wasted[owner] = wasted.get(owner, 0) + bits
            padding_bits += bits if role == "packed_weights" else 0
    total["word_padding"] = padding_bits // 8
    total["packed_weights"] -= total["word_padding"]
    total["structure"] = flatbuffer.size_bytes - sum(total.values())
    ops = sum(len(subgraph.graph.ops) for subgraph in subgraphs)
    return Sizes(
        total,
        round(total["structure"] / ops, 1) if ops else 0.0,
        of_ops,
        {owner: bits for owner, bits in wasted.items() if bits},
        tuple(sorted(unused, key=lambda one: -one.bytes)),
        _duplicate_bytes(names),
    )


def _find_roles(flatbuffer: Flatbuffer, subgraph: CalledSubgraph, found: _Constants) -> None:
    tensors, graph = subgraph.graph.tensors, FlatbufferGraph(subgraph.graph)
    later_planes = {
        _bytes_of(flatbuffer, tensors[index])
        for piece in joined_planes(graph, pieces_of(graph))
        for index in piece.weights
        if tensors[index].buffer != tensors[piece.weights[0]].buffer
    }
    for index, op in enumerate(subgraph.graph.ops):
        for multiplication, row in subgraph.multiplications.get(index, ()):
            weights = tensors[subgraph.stored.get(multiplication.weights, multiplication.weights)]
            place = _bytes_of(flatbuffer, weights)
            if row.precision == "packed":
                found.roles[place] = "bit_planes" if place in later_planes else "packed_weights"
                found.used_bits[place] = min(multiplication.weight_count, 8 * place[1])
            elif row.precision in FLOATS:
                found.roles[place] = "float_weights"
            elif row.precision.startswith(("int", "uint")):
                found.roles[place] = "int8_weights"
        is_unfolded = index in subgraph.unfolded
        role = "unfolded_constants" if is_unfolded else "scales_and_thresholds"
        for tensor in (tensors[read] for read in subgraph.reads(op)) if is_unfolded else _vectors(subgraph, op):
            found.roles.setdefault(_bytes_of(flatbuffer, tensor), role)


def _vectors(subgraph: CalledSubgraph, op: Op) -> Iterator[Tensor]:
    """The constants of an operator that scale, shift or compare each channel."""
    tensors = subgraph.graph.tensors
    if op.name in MULTIPLYING:
        inputs = op.inputs[1:] if op.name in _TRANSPOSED else op.inputs
        yield from (tensors[index] for index in inputs if index != ABSENT)
    elif op.name in _ELEMENTWISE and op.outputs and tensors[op.outputs[0]].shape:
        channels = tensors[op.outputs[0]].shape[-1]
        for index in subgraph.reads(op):
            data = tensors[index].data
            if data is not None and data.size <= channels:
                yield tensors[index]


def _find_owners(flatbuffer: Flatbuffer, subgraph: CalledSubgraph, found: _Constants, of_unpacking: bool) -> None:
    for index, op in enumerate(subgraph.graph.ops):
        if bool(op.outputs and op.outputs[0] in subgraph.stored) != of_unpacking:
            continue
        for read in subgraph.reads(op):
            place = _bytes_of(flatbuffer, subgraph.graph.tensors[read])
            if place[1]:
                found.owners.setdefault(place, (subgraph.number, index))


def _bytes_of(flatbuffer: Flatbuffer, tensor: Tensor) -> Bytes:
    return flatbuffer.buffers[tensor.buffer] if tensor.buffer_bytes else (0, 0)


def _unused(flatbuffer: Flatbuffer, place: Bytes, names: Mapping[Bytes, Tensor]) -> Unused:
    if place in names:
        return Unused(names[place].name, names[place].type_name, place[1])
    return Unused(f"buffer {flatbuffer.buffers.index(place)}", "of no tensor", place[1])


def unfolded(subgraph: CalledSubgraph, rows: Sequence[OpRow]) -> list[Unfolded]:
    """Those operators of a subgraph that a converter could have run."""
    fix = "compute it before the conversion: converters fold small constants alone"
    return [
        Unfolded(row.layer, row.op, row.bytes, sum(bytes_of_map(subgraph.graph.tensors[i]) for i in op.outputs), fix)
        for row, op in zip(rows, subgraph.graph.ops, strict=True)
        if row.index in subgraph.unfolded and row.bytes
    ]


def bytes_of_map(tensor: Tensor) -> int:
    """Of a tensor in memory; 0 for types without a size."""
    if tensor.type_name in SIZELESS or tensor.type_name not in TYPE_BITS:
        return 0
    return -(-math.prod(tensor.shape) * TYPE_BITS[tensor.type_name] // 8)


def _duplicate_bytes(tensors: Mapping[Bytes, Tensor]) -> int:
    """Only constants of one size can be equal, so most need no hash."""
    of_size: dict[int, list[Tensor]] = {}
    for (_, size), tensor in tensors.items():
        if size:
            of_size.setdefault(size, []).append(tensor)
    duplicates = 0
    for size, group in of_size.items():
        contents = {_hash(tensor) for tensor in group} if len(group) > 1 else {b""}
        duplicates += size * (len(group) - len(contents))
    return duplicates


def _hash(tensor: Tensor) -> bytes:
    data = np.ascontiguousarray(tensor.data)
    return hashlib.blake2b(data.view(np.uint8).reshape(-1).data if data.size else b"").digest()
