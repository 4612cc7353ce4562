"""An explanation as the one JSON object that the command prints, and that its page shows."""

from dataclasses import asdict

from converters.explain.explanation import Explanation
from converters.explain.summary import summary
from converters.explain.times import Times


def document_of(found: Explanation, times: Times | None = None) -> dict[str, object]:
    """Keys carry their unit; ``size_parts`` add up to ``size_bytes``.

    Args:
        times: measured ones of this file.
    """
    of_ops = times.of_ops_us if times else {}
    return {
        "model": found.model,
        "model_sha256": found.sha256,
        "size_bytes": found.size_bytes,
        "expected_bytes": found.expected_bytes,
        "summary": summary(found),
        "macs": found.total_macs,
        **{f"{name}_macs": macs for name, macs in found.macs.items()},
        "wasted_bits": found.wasted_bits,
        "size_parts": dict(found.sizes.parts),
        "structure_bytes_per_op": found.sizes.structure_bytes_per_op,
        "duplicate_bytes": found.sizes.duplicate_bytes,
        "unused_buffers": [one.as_dict() for one in found.sizes.unused],
        "latency_ms_median": times.latency_ms_median if times else None,
        "why_not_packed": [one.as_dict() for one in found.why_not_packed],
        "float_work": [one.as_dict() for one in found.float_work],
        "stray_pairs": [one.as_dict() for one in found.stray_pairs],
        "unfolded": [one.as_dict() for one in found.unfolded],
        "notes": list(found.notes),
        "ops": [asdict(row) | {"time_us": of_ops.get(row.place)} for row in found.ops],
    }
