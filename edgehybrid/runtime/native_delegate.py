"""The native runtime as an external delegate of LiteRT, and its report of what it took."""

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from edgehybrid.errors import RuntimeMissingError, UsageError
from edgehybrid.runtime.native_library import loadable_library

ISA_VARIABLE = "EDGEHYBRID_ISA"


class Region(NamedTuple):
    """Connected nodes of a graph that run as one.

    Attributes:
        isa: instruction set of its kernels: reference, portable, neon, avx2 or avx512.
        threads: that run it.
        batch: images of an inference.
        nodes: indices of its nodes in the graph's execution plan.
        graph_nodes: how many nodes the graph has.
    """

    isa: str
    threads: int
    batch: int
    nodes: tuple[int, ...]
    graph_nodes: int


def delegate(isa: str | None = None, report_file: Path | None = None, profile_file: Path | None = None) -> Any:
    """What ``ai_edge_litert.interpreter.Interpreter(experimental_delegates=[…])`` takes. One for each interpreter.

    It takes the nodes of a graph with Larq's operators or ours, and leaves every other graph alone. Its threads are the
    interpreter's ``num_threads``.

    Args:
        isa: instruction set of the kernels; by default ``EDGEHYBRID_ISA``, else the best that the processor has.
        report_file: a file that gets a line of JSON, the fields of ``Region``, for every region that is compiled.
        profile_file: a file that gets a line of JSON when a region goes, with the interpreter or for another batch:
            ``batch``, ``threads`` and ``parts``, the ``nodes`` that ran as one with ``runs_ns``, the time of each run.
            The times are in memory until then. Without it no clock is looked at.

    Raises:
        RuntimeMissingError: the library is missing, or cannot be loaded here.
        UsageError: an instruction set that is unknown, or not this processor's; a file that cannot be written.
    """
    from ai_edge_litert.interpreter import load_delegate

    path = loadable_library()
    options = {"isa": isa, "report_file": report_file, "profile_file": profile_file}
    try:
        return load_delegate(str(path), {key: str(value) for key, value in options.items() if value is not None})
    except ValueError as error:
        raise _refusal(str(error).partition("\n")[2], isa) from error


def regions_in(report_file: Path) -> tuple[Region, ...]:
    """The regions that a delegate has reported."""
    lines = map(json.loads, report_file.read_text().splitlines())
    return tuple(Region(**(line | {"nodes": tuple(line["nodes"])})) for line in lines)


def _refusal(reason: str, isa: str | None) -> UsageError | RuntimeMissingError:
    if allowed := re.search(r"allowed here: ([\w, ]+)", reason):
        what = "isa" if isa is not None else ISA_VARIABLE
        return UsageError(
            f"{what} names no instruction set that can run here.",
            received=os.environ.get(ISA_VARIABLE) if isa is None else isa,
            allowed=allowed[1],
        )
    return UsageError(f"The native runtime refuses its options: {reason}.")
