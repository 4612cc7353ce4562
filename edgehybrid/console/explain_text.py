"""What ``edgehybrid explain`` prints for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from edgehybrid.console.tables import text_table

_COLUMNS = {
    "layer": "layer",
    "op": "operator",
    "precision": "precision",
    "output_shape": "output",
    "macs": "MACs",
    "bytes": "bytes",
    "file_percent": "% of file",
    "reason": "reason",
}
_TEXTS = ("layer", "op", "precision", "reason")


def explained_text(document: Mapping[str, Any], parts: Mapping[str, str]) -> str:
    """The summary, a line an operator, then what is not packed, float work and the parts of the file.

    Args:
        document: as ``--json`` prints it.
        parts: what each of ``size_parts`` is, in words.
    """
    sections = [f"{document['model']}\n" + "\n".join(document["summary"]), _ops(document["ops"])]
    if document["why_not_packed"]:
        lines = [
            f"{one['layer']} ({one['op']}): {one['reason']}\n  → {one['fix']}" for one in document["why_not_packed"]
        ]
        sections.append("Not packed\n" + "\n".join(lines))
    if document["stray_pairs"]:
        lines = [
            f"{one['kind']}: {one['first']}, {one['second']}, {one['bytes_moved']:,} bytes\n  → {one['fix']}"
            for one in document["stray_pairs"]
        ]
        sections.append("Quantisers to no purpose\n" + "\n".join(lines))
    if document["unfolded"]:
        lines = [
            f"{one['layer']} ({one['op']}): {one['bytes']:,} bytes, for a result of {one['result_bytes']:,}\n"
            f"  → {one['fix']}"
            for one in document["unfolded"]
        ]
        sections.append("Computed from constants in each inference\n" + "\n".join(lines))
    if document["float_work"]:
        cells = [
            [one["op"], one["count"], one["elements"], one["bytes_moved"], one["fix"] or "–"]
            for one in document["float_work"]
        ]
        header = ["between binary layers", "number", "elements", "bytes moved", "what would spare it"]
        sections.append(text_table(header, cells, texts=(0, 4)))
    sections.append(_sizes(document, parts))
    return "\n\n".join(sections)


def _ops(rows: Sequence[Mapping[str, Any]]) -> str:
    times = any(row["time_us"] is not None for row in rows)
    columns = [key for key in _COLUMNS if key != "reason"] + ["time_us"] * times + ["reason"]
    several = len({row["subgraph"] for row in rows}) > 1
    cells = []
    for row in rows:
        shown = dict(row)
        if several:
            shown["layer"] = f"{row['subgraph']}: {row['layer']}"
        if row["output_shape"] is not None:
            shown["output_shape"] = "×".join(map(str, row["output_shape"])) or "1 number"
        shown["file_percent"] = f"{row['file_percent']:.2f}"
        cells.append([shown[key] for key in columns])
    header = [_COLUMNS.get(key, "µs") for key in columns]
    return text_table(header, cells, texts=[columns.index(key) for key in _TEXTS])


def _sizes(document: Mapping[str, Any], parts: Mapping[str, str]) -> str:
    size = document["size_bytes"]
    cells = [
        [parts[name], count, f"{100 * count / size:.2f}"] for name, count in document["size_parts"].items() if count
    ]
    text = text_table(["the file", "bytes", "%"], [*cells, ["sum", size, "100.00"]])
    text += f"\n{document['structure_bytes_per_op']:,} bytes an operator for operators, names and tables."
    for unused in document["unused_buffers"]:
        text += f"\nNothing reads '{unused['name']}' ({unused['type']}, {unused['bytes']:,} bytes)."
    if document["duplicate_bytes"]:
        text += f"\n{document['duplicate_bytes']:,} bytes of constants stand in the file twice."
    if document["wasted_bits"]:
        text += f"\n{document['wasted_bits']:,} bits of packed words are behind the last channel."
    if document["latency_ms_median"] is not None:
        text += f"\nMeasured: {document['latency_ms_median']:.3f} ms, the median of the newest row."
    return text
