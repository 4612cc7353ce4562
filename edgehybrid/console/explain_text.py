"""What ``edgehybrid explain`` prints for a person."""

from converters.explain.explanation import Explanation
from converters.explain.rows import OpRow
from converters.explain.sizes import PARTS
from converters.explain.summary import summary
from converters.explain.times import Times
from edgehybrid.console.tables import text_table


def explained_text(found: Explanation, times: Times | None = None) -> str:
    """The summary, a line an operator, then what is not packed, float work and the parts of the file."""
    sections = [f"{found.model}\n" + "\n".join(summary(found)), _ops(found, times)]
    if found.why_not_packed:
        lines = [f"{one.layer} ({one.op}): {one.reason}\n  → {one.fix}" for one in found.why_not_packed]
        sections.append("Not packed\n" + "\n".join(lines))
    if found.stray_pairs:
        lines = [
            f"{one.kind}: {one.first}, {one.second}, {one.bytes_moved:,} bytes\n  → {one.fix}"
            for one in found.stray_pairs
        ]
        sections.append("Quantisers to no purpose\n" + "\n".join(lines))
    if found.unfolded:
        lines = [
            f"{one.layer} ({one.op}): {one.bytes:,} bytes, for a result of {one.result_bytes:,}\n  → {one.fix}"
            for one in found.unfolded
        ]
        sections.append("Computed from constants in each inference\n" + "\n".join(lines))
    if found.float_work:
        cells = [[one.op, one.count, one.elements, one.bytes_moved, one.fix or "–"] for one in found.float_work]
        header = ["between binary layers", "number", "elements", "bytes moved", "what would spare it"]
        sections.append(text_table(header, cells, texts=(0, 4)))
    sections.append(_sizes(found, times))
    return "\n\n".join(sections)


def _ops(found: Explanation, times: Times | None) -> str:
    of_ops_us = times.of_ops_us if times else {}
    several = len({row.subgraph for row in found.ops}) > 1

    def cells(row: OpRow) -> list[object]:
        shape = row.output_shape
        return [
            f"{row.subgraph}: {row.layer}" if several else row.layer,
            row.op,
            row.precision,
            shape if shape is None else "×".join(map(str, shape)) or "1 number",
            row.macs,
            row.bytes,
            f"{row.file_percent:.2f}",
            *([of_ops_us.get(row.place)] if of_ops_us else []),
            row.reason,
        ]

    header = ["layer", "operator", "precision", "output", "MACs", "bytes", "% of file"]
    header += [*(["µs"] if of_ops_us else []), "reason"]
    return text_table(header, [cells(row) for row in found.ops], texts=(0, 1, 2, len(header) - 1))


def _sizes(found: Explanation, times: Times | None) -> str:
    size = found.size_bytes
    cells = [[PARTS[name], count, f"{100 * count / size:.2f}"] for name, count in found.sizes.parts.items() if count]
    text = text_table(["the file", "bytes", "%"], [*cells, ["sum", size, "100.00"]])
    text += f"\n{found.sizes.structure_bytes_per_op:,} bytes an operator for operators, names and tables."
    for unused in found.sizes.unused:
        text += f"\nNothing reads '{unused.name}' ({unused.type_name}, {unused.bytes:,} bytes)."
    if found.sizes.duplicate_bytes:
        text += f"\n{found.sizes.duplicate_bytes:,} bytes of constants stand in the file twice."
    if found.wasted_bits:
        text += f"\n{found.wasted_bits:,} bits of packed words are behind the last channel."
    if times is not None and times.latency_ms_median is not None:
        text += f"\nMeasured: {times.latency_ms_median:.3f} ms, the median of the newest row."
    return text
