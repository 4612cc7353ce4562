"""Node data for Model Explorer's graph view (github.com/google-ai-edge/model-explorer): precision, bytes, MACs, time.

Its format, by node_data_builder.py of version 0.1.34: ``results``, for each node a ``value`` and perhaps colours, and a
``gradient`` for numbers. The id of a node is the number of its operator. A file of one subgraph is for any graph; of
several, it has one such object for each, under the subgraph's name.
"""

import json
from collections.abc import Callable, Mapping

from converters.explain.explanation import Explanation, precision_group
from converters.explain.rows import OpRow, Place

# Colours that colour-blind readers tell apart (Okabe and Ito 2008).
_COLOURS = {"packed": "#009e73", "float32": "#e69f00", "int8": "#56b4e9", "other": "#bbbbbb"}
_NOT_PACKED = "#d55e00"
_GRADIENT = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#d55e00"}]


def overlays(found: Explanation, times_us: Mapping[Place, float], names: Mapping[int, str]) -> dict[str, bytes]:
    """The content of each file, by what it shows; ``time`` only where times are known.

    Args:
        times_us: of operators.
        names: of the subgraphs, by their number; empty where the file has none.
    """
    left = {(one.subgraph, one.index) for one in found.why_not_packed}

    def precision(row: OpRow) -> dict[str, object] | None:
        if row.precision is None:
            return None
        if row.place in left:
            return {"value": f"{row.precision}, not packed", "bgColor": _NOT_PACKED}
        return {"value": row.precision, "bgColor": _COLOURS[precision_group(row.precision)]}

    shown: dict[str, Callable[[OpRow], dict[str, object] | None]] = {
        "precision": precision,
        "bytes": lambda row: _number(row.bytes),
        "macs": lambda row: _number(row.macs),
    }
    if times_us:
        shown["time"] = lambda row: _number(times_us.get(row.place))
    return {name: _file(found, names, name, value) for name, value in shown.items()}


def _number(value: float | None) -> dict[str, object] | None:
    return {"value": value} if value else None


def _file(
    found: Explanation, names: Mapping[int, str], what: str, value: Callable[[OpRow], dict[str, object] | None]
) -> bytes:
    graphs: dict[str, dict[str, object]] = {}
    for number, name in names.items():
        rows = [row for row in found.ops if row.subgraph == number]
        own = {str(row.index): entry for row in rows if (entry := value(row)) is not None}
        graph: dict[str, object] = {"name": what, "results": own}
        if what != "precision":
            graph["gradient"] = _GRADIENT
        graphs[name or ("main" if number == 0 else f"subgraph_{number}")] = graph
    content: object = graphs if len(graphs) > 1 else next(iter(graphs.values()))
    return json.dumps(content, indent=1, ensure_ascii=False).encode()
