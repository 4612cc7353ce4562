"""What ran a flatbuffer, in words: the same for an accuracy and for a latency."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgehybrid.results import Row
    from edgehybrid.runs.evaluation import Accuracy
    from edgehybrid.runs.sidecar import VerifiedWith


def ran_text(ran: Row | Accuracy | VerifiedWith) -> str:
    """Runtime, instruction set, threads and nodes, as far as they are known."""
    parts = [ran.runtime, ran.isa]
    if ran.threads is not None:
        parts.append(f"{ran.threads} thread{'' if ran.threads == 1 else 's'}")
    if ran.delegated_nodes is not None:
        parts.append(f"{ran.delegated_nodes} of {ran.graph_nodes} nodes")
    return ", ".join(part for part in parts if part)
