"""A flatbuffer → its explanation: what is packed, what is not and why, where its bytes and multiply-accumulates are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from converters.explain.float_work import FloatWork, StrayPair, float_work, stray_pairs
from converters.explain.reasons import WhyNotPacked, reasons_of, why_not_packed
from converters.explain.rows import FLOATS, OpRow, called_subgraphs, rows_of, with_reasons
from converters.explain.sizes import Sizes, Unfolded, sizes_of, unfolded
from edgehybrid.census.formats import FORMATS
from edgehybrid.flatbuffer import Flatbuffer

# In the order of the summary; ``other``: integers that are no int8, and two maps that are multiplied.
PRECISIONS = (*FORMATS, "other")


@dataclass(frozen=True)
class Explanation:
    """What there is to say about a flatbuffer.

    Attributes:
        model: path of the file.
        ops: a row for each operator.
        macs: multiply-accumulates of one inference, by precision, see ``PRECISIONS``.
        notes: what the file does not tell, and what is not explained.
    """

    model: str
    sha256: str
    size_bytes: int
    ops: tuple[OpRow, ...]
    why_not_packed: tuple[WhyNotPacked, ...]
    sizes: Sizes
    macs: Mapping[str, int]
    float_work: tuple[FloatWork, ...]
    stray_pairs: tuple[StrayPair, ...]
    unfolded: tuple[Unfolded, ...]
    notes: tuple[str, ...]

    @property
    def wasted_bits(self) -> int:
        """Bits behind the last channel, of all packed weights."""
        return sum(self.sizes.wasted_bits.values())

    @property
    def total_macs(self) -> int:
        """Of one inference, in all precisions."""
        return sum(self.macs.values())

    @property
    def expected_bytes(self) -> int:
        """What the numbers alone take: the file without padding, what nothing needs, metadata, operators and names."""
        parts = self.sizes.parts
        return self.size_bytes - sum(
            parts[name] for name in ("word_padding", "unfolded_constants", "unused_buffers", "metadata", "structure")
        )


def explain(flatbuffer: Flatbuffer, model: str) -> Explanation:
    """Explains any flatbuffer.

    Args:
        model: its path, as the explanation will name it.

    Raises:
        FlatbufferError: shapes that contradict each other, constants that overlap, or subgraphs that call each other
            without end.
    """
    subgraphs, executions = called_subgraphs(flatbuffer)
    sizes = sizes_of(flatbuffer, subgraphs)
    rows = rows_of(subgraphs, sizes.of_ops, sizes.wasted_bits, flatbuffer.size_bytes)
    is_larqs = any(row.op.startswith("Lce") for row in rows)
    left: list[WhyNotPacked] = []
    work: list[FloatWork] = []
    pairs: list[StrayPair] = []
    left_over: list[Unfolded] = []
    reasons = {}
    for subgraph in subgraphs:
        own = {row.index: row for row in rows if row.subgraph == subgraph.number}
        of_subgraph = why_not_packed(subgraph, own, is_larqs)
        found, between = float_work(subgraph)
        by_index = {one.index: one for one in of_subgraph}
        for index, reason in reasons_of(subgraph, own, by_index, {index for _, index in between}):
            reasons[subgraph.number, index] = reason
        left += of_subgraph
        work += found
        pairs += stray_pairs(subgraph, [row.layer for row in own.values()])
        left_over += unfolded(subgraph, list(own.values()))
    rows = with_reasons(rows, reasons)
    return Explanation(
        model,
        flatbuffer.sha256,
        flatbuffer.size_bytes,
        tuple(rows),
        tuple(left),
        sizes,
        _macs(rows),
        tuple(work),
        tuple(pairs),
        tuple(left_over),
        (*executions.notes, *_notes(flatbuffer, rows)),
    )


def precision_group(precision: str | None) -> str:
    """Which of ``PRECISIONS`` the multiply-accumulates of an operator are counted for."""
    if precision in FLOATS:
        return "float32"
    return precision if precision in PRECISIONS else "other"


def _macs(rows: Iterable[OpRow]) -> dict[str, int]:
    macs = dict.fromkeys(PRECISIONS, 0)
    for row in rows:
        macs[precision_group(row.precision)] += row.macs or 0
    return macs


def _notes(flatbuffer: Flatbuffer, rows: Iterable[OpRow]) -> list[str]:
    notes = []
    if len(flatbuffer.subgraphs) > 1:
        names = ", ".join(f"{number} '{part.name}'" for number, part in enumerate(flatbuffer.subgraphs))
        notes.append(f"All {len(flatbuffer.subgraphs)} subgraphs are explained: {names}.")
    written = [part.tensors[index] for part in flatbuffer.subgraphs for op in part.ops for index in op.outputs]
    open_axes = [tensor for tensor in written if any(axis > 0 for axis in tensor.unknown_axes)]
    if open_axes:
        notes.append(
            f"{len(open_axes)} maps have lengths that are not known before the run, '{open_axes[0].name}' first; each "
            "length counts as the file states it, or as 1."
        )
    unknown = sorted({row.op for row in rows if row.macs is None})
    if unknown:
        notes.append(f"The work of {', '.join(unknown)} is not known, and not counted.")
    return notes
