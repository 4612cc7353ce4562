"""One row for each operator of a flatbuffer: what it is, in which precision it works, what of the file is its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from converters.edits.short_names import are_of_layers, layer_name
from edgehybrid.census.calls import CALLING, Executions, executions_of
from edgehybrid.census.flatbuffer_layers import LISTED
from edgehybrid.census.multiplications import MULTIPLYING, Multiplication
from edgehybrid.census.operators import CensusRow, counted_multiplications, stored_tensors
from edgehybrid.flatbuffer import ABSENT, Flatbuffer, Op, Subgraph

# Of these the weights are numbers in full precision, stored in 32 bits or fewer.
FLOATS = ("float32", "float16", "bfloat16", "float64")
# (number of the subgraph, number of the operator in it)
Place = tuple[int, int]


@dataclass(frozen=True)
class OpRow:
    """An operator.

    Attributes:
        subgraph, index: its place in the file.
        name: of the first tensor that it writes, as the file has it.
        layer: the name in short: that of the layer, where the converter's name holds it.
        precision: of its weights: ``packed``, ``float32``, ``int8`` or another type; None without weights.
        output_shape: of what it writes; 1 for an axis of unknown length; None where it writes nothing.
        macs: multiply-accumulates of one inference; None where the operator's work is not known.
        bytes: of the constants that it reads, each counted for its first reader.
        file_percent: the share of these in the file.
        wasted_bits: of its packed weights, bits behind the last channel.
        runs: how often it runs in one inference.
        reason: why it is what it is.
    """

    subgraph: int
    index: int
    name: str
    layer: str
    op: str
    precision: str | None
    output_shape: tuple[int, ...] | None
    macs: int | None
    bytes: int
    file_percent: float
    wasted_bits: int
    runs: int
    reason: str

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.subgraph, self.index


@dataclass(frozen=True, eq=False)
class CalledSubgraph:
    """A subgraph as it is called, with what the census finds in it.

    Attributes:
        runs: how often it runs in one inference.
        multiplications: by the number of the operator.
        stored: for each tensor that an operator only unpacks, the tensor that the file holds.
        unfolded: operators that read constants alone, or what such operators write, so a converter could have run them.
    """

    number: int
    graph: Subgraph
    runs: int
    multiplications: Mapping[int, Sequence[tuple[Multiplication, CensusRow]]]
    stored: Mapping[int, int]
    unfolded: frozenset[int]

    def reads(self, op: Op) -> Iterator[int]:
        """The tensors that an operator reads, as the file stores them."""
        return (self.stored.get(index, index) for index in op.inputs if index != ABSENT)


def called_subgraphs(flatbuffer: Flatbuffer) -> tuple[list[CalledSubgraph], Executions]:
    """All subgraphs, also those that no inference runs.

    Raises:
        FlatbufferError: shapes that contradict each other, or subgraphs that call each other without end.
    """
    executions = executions_of(flatbuffer)
    subgraphs = []
    for number, as_stored in enumerate(flatbuffer.subgraphs):
        graph = executions.subgraphs.get(number, as_stored)
        places = {id(op): index for index, op in enumerate(graph.ops)}
        found: dict[int, list[tuple[Multiplication, CensusRow]]] = {}
        for multiplication, row in counted_multiplications(graph):
            found.setdefault(places[id(multiplication.op)], []).append((multiplication, row))
        stored = stored_tensors(graph)
        subgraphs.append(
            CalledSubgraph(number, graph, executions.times.get(number, 0), found, stored, _unfolded(graph, stored))
        )
    return subgraphs, executions


def _unfolded(graph: Subgraph, stored: Mapping[int, int]) -> frozenset[int]:
    known = {index for index, tensor in enumerate(graph.tensors) if tensor.buffer_bytes} | stored.keys()
    found = set()
    for index, op in enumerate(graph.ops):
        reads = {read for read in op.inputs if read != ABSENT}
        is_unpacking = bool(op.outputs) and op.outputs[0] in stored
        if reads and reads <= known and not is_unpacking and op.name in LISTED and op.name not in CALLING:
            found.add(index)
            known.update(op.outputs)
    return frozenset(found)


def rows_of(
    subgraphs: Sequence[CalledSubgraph], bytes_of: Mapping[Place, int], wasted: Mapping[Place, int], size_bytes: int
) -> list[OpRow]:
    """A row for each operator of each subgraph, without a reason.

    Args:
        bytes_of: what each reads first.
        wasted: bits behind the last channel, of packed weights.
    """
    rows = []
    for subgraph in subgraphs:
        outputs = [subgraph.graph.tensors[index].name for op in subgraph.graph.ops for index in op.outputs]
        layer_of = str if are_of_layers(outputs) else layer_name
        for index, op in enumerate(subgraph.graph.ops):
            place = (subgraph.number, index)
            found = subgraph.multiplications.get(index, ())
            output = subgraph.graph.tensors[op.outputs[0]] if op.outputs else None
            rows.append(
                OpRow(
                    subgraph=subgraph.number,
                    index=index,
                    name=output.name if output else "",
                    layer=(layer_of(output.name) if output else "") or f"{op.name} {index}",
                    op=op.name,
                    precision=_precision(found),
                    output_shape=output.shape if output else None,
                    macs=subgraph.runs * sum(row.macs for _, row in found) if _is_known(op) else None,
                    bytes=bytes_of.get(place, 0),
                    file_percent=round(100 * bytes_of.get(place, 0) / size_bytes, 4),
                    wasted_bits=wasted.get(place, 0),
                    runs=subgraph.runs,
                    reason="",
                )
            )
    return rows


def with_reasons(rows: Sequence[OpRow], reasons: Mapping[Place, str]) -> list[OpRow]:
    """The rows with the reason of each."""
    return [replace(row, reason=reasons[row.place]) for row in rows]


def _precision(found: Sequence[tuple[Multiplication, CensusRow]]) -> str | None:
    """Of the weights; of several matrices, that of the first. Two maps that are multiplied have none."""
    return next((row.precision for multiplication, row in found if multiplication.weight_sets), None)


def _is_known(op: Op) -> bool:
    return op.name in MULTIPLYING or op.name in LISTED
