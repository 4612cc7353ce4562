"""How long each part of a packed flatbuffer's graph takes.

A part is what the native runtime runs as one: a convolution with the additions, activations and quantisers behind it.
LiteRT itself tells no times: the option of its Python interpreter that is named after profiling is for its own tools.
"""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from edgehybrid.errors import UsageError
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.runtime.host import Floats, open_host
from edgehybrid.runtime.native_delegate import delegate

# Caches and clocks settle; not counted.
WARMUP_RUNS = 10


class ProfileEntry(NamedTuple):
    """A part of a graph, and its time.

    Attributes:
        name: its operators in their order, as ``LceBconv2d + MUL + ADD + RELU``; ``copies to the host`` of what leaves
            a region; ``the host: N nodes`` with all that is not the native runtime's, calls and the copies of image
            and logits included.
        nodes: indices of its operators in the flatbuffer; each operator is in one part, but for those of levels that
            cannot be fused (levels that nobody reads, windows of millions of inputs).
        tensor: name of what its last operator writes; None without one, and for the host.
        time_us_median: of an inference.
        share: of the sum of all medians, 0 … 1.
    """

    name: str
    nodes: tuple[int, ...]
    tensor: str | None
    time_us_median: float
    share: float


def profile_packed(
    flatbuffer: Flatbuffer, content: bytes, threads: int, images: Floats, runs: int
) -> list[ProfileEntry]:
    """Runs the images in turn, one an inference, until there are ``runs`` of them; parts in the order of running."""
    with tempfile.NamedTemporaryFile(prefix="edgehybrid-", suffix=".jsonl") as file:
        walls_ns = _run(content, threads, Path(file.name), images, runs)
        regions = [json.loads(line)["parts"] for line in Path(file.name).read_text().splitlines()]
    return parts_of(flatbuffer, regions, walls_ns)


def parts_of(
    flatbuffer: Flatbuffer, regions: Sequence[Sequence[Mapping[str, Any]]], walls_ns: Sequence[float]
) -> list[ProfileEntry]:
    """The parts of a flatbuffer's graph, in the order of running, by what the delegate's profile file says of them.

    Args:
        regions: the ``parts`` of each region, see ``native_delegate.delegate``; earlier runs than the timed are left
            out.
        walls_ns: of each timed inference, the last ones.
    """
    runs = len(walls_ns)
    parts = [part for region in sorted(regions, key=_first_node) for part in region]
    taken = {node for part in parts for node in part["nodes"]}
    left = [node for node in range(len(flatbuffer.ops)) if node not in taken]
    found = [
        (_name(flatbuffer, part["nodes"]), part["nodes"], _tensor(flatbuffer, part["nodes"]), part["runs_ns"][-runs:])
        for part in parts
    ]
    rest_ns = [wall - sum(of_run) for wall, *of_run in zip(walls_ns, *(times for *_, times in found), strict=True)]
    found.append((f"the host: {len(left) or 'no'} node{'' if len(left) == 1 else 's'}", left, None, rest_ns))
    medians_us = [median(times_ns) / 1e3 for *_, times_ns in found]
    return [
        ProfileEntry(name, tuple(nodes), tensor, time_us, time_us / sum(medians_us))
        for (name, nodes, tensor, _), time_us in zip(found, medians_us, strict=True)
    ]


def no_parts(received: str) -> UsageError:
    """The refusal of a flatbuffer that is not packed."""
    return UsageError(
        "Only the native runtime tells how long each part of a graph takes; LiteRT does not.",
        received=received,
        allowed="a packed flatbuffer",
    )


def _run(content: bytes, threads: int, profile: Path, images: Floats, runs: int) -> list[int]:
    """Time of each inference, ns. The interpreter goes at the end, and its regions write their times."""
    host = open_host(content, threads, [delegate(profile_file=profile)])
    walls_ns = []
    for number in range(-WARMUP_RUNS, runs):
        index = number % len(images)
        began = time.perf_counter_ns()
        host.run(images[index : index + 1])
        walls_ns.append(time.perf_counter_ns() - began)
    return walls_ns[WARMUP_RUNS:]


def _first_node(region: Sequence[Mapping[str, Any]]) -> int:
    return min(int(node) for part in region for node in part["nodes"])


def _name(flatbuffer: Flatbuffer, nodes: list[int]) -> str:
    return " + ".join(flatbuffer.ops[node].name for node in nodes) or "copies to the host"


def _tensor(flatbuffer: Flatbuffer, nodes: list[int]) -> str | None:
    return flatbuffer.tensors[flatbuffer.ops[nodes[-1]].outputs[0]].name if nodes else None
