"""Instructions per inference of packed networks and their int8 and float32 twins on an emulated 64-bit ARM board.

    python benchmarks/emulated_instructions.py [--networks hybrid_res_a …] [--cpus cortex-a72 …] [--runs 5] [--json]

Evidence where there is no board, and no latency: a count does not tell how many instructions a core starts at a time,
how long one takes, or what waits for memory. The cores are the Raspberry Pi 4's, without dot product, and the
Raspberry Pi 5's, with it; they choose the kernels, here and in XNNPACK, and QEMU runs the same instructions on both.

Counted are instructions outside of the kernel, by the core's own counter, of one ``invoke`` of a stock interpreter
with one thread, batch 1: packed networks in our delegate, twins in XNNPACK. Nothing is counted before a loop of known
length comes out right, XNNPACK has taken nodes of each twin, and our delegate all nodes of each packed network. Logits
are compared with those of the same file on this machine.

The first time it downloads and keeps Debian and LiteRT (``--work``), some 230 MB. Needs Debian's packages
qemu-system-arm and mmdebstrap, and what ``runtime_latency.py`` needs to make networks.
"""

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from emulated_board import Board, BoardError, board_in, qemu_version, run_on
from peaks import Work
from rivals import FORMS, NETWORKS, QUICKNET, SkippedError, flatbuffers_of
from runtime_latency import image_of, work_of

from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runtime.host import open_host
from edgehybrid.runtime.native import build
from edgehybrid.runtime.native_delegate import delegate

CPUS = {"cortex-a72": "Raspberry Pi 4", "cortex-a76": "Raspberry Pi 5"}
WORK = Path.home() / ".cache" / "edgehybrid" / "emulated_board"
OURS = "packed"
LIBRARY = "libedgehybrid.so"
# As far as a clock may go wrong that counts instructions: the kernel's own are some 0.2 %.
LOOP_TURNS, LOOP_TOLERANCE = 10_000_000, 0.01
# EOR, CNT and ADD of 128 bits; FMLA of four lanes.
COUNT_INSTRUCTIONS, COUNT_MACS, MULTIPLY_ADD_MACS = 3, 128, 4
# Float sums in another order, as a part of the largest logit.
FLOAT_TOLERANCE = 1e-5


class CountError(Exception):
    """What the board counted cannot be believed; the message says why."""


def count(board: Board, cpu: str, files: Mapping[str, Path], runs: int, timeout_seconds: float) -> dict[str, Any]:
    """Counts of one network in every form on one core.

    Raises:
        BoardError: the board gave none.
        CountError: it counted wrongly, or not what was meant.
    """
    contents = {form: file.read_bytes() for form, file in files.items()}
    models = {form: {"file": f"/{form}.tflite", "library": None} for form in files}
    models[OURS]["library"] = f"/{LIBRARY}"
    job = {"loop_turns": LOOP_TURNS, "runs": runs, "models": models}
    library = build.build("aarch64", build.NATIVE / "lib", build.NATIVE.parents[2] / "build" / "native")
    content = {"job.json": json.dumps(job).encode(), "image.npy": image_file(contents[OURS])}
    content |= {LIBRARY: library.read_bytes()} | {f"{form}.tflite": contents[form] for form in files}
    with tempfile.TemporaryDirectory(prefix="edgehybrid-") as folder:
        found = run_on(board, cpu, content, Path(folder), timeout_seconds)
    check_counts(found)
    forms = {}
    for form, counted in found["forms"].items():
        host = open_host(contents[form], 1, [delegate()] if form == OURS else [])
        here = host.run(image_of((1, *host.image_shape))).ravel()
        forms[form] = summary(counted) | agreement(np.array(counted["logits"]), here, _step_of(contents[form]))
    arithmetic = arithmetic_instructions(work_of(contents[OURS]))
    return {"loop": found["loop"], "features": found["features"], "arithmetic": arithmetic, "forms": forms}


def arithmetic_instructions(work: Work) -> int:
    """What the MACs of a packed network take of NEON in our kernels, with no load, store, loop or activation."""
    counting = work.binary_macs * COUNT_INSTRUCTIONS / COUNT_MACS
    return round(counting + work.float_macs / MULTIPLY_ADD_MACS)


def image_file(content: bytes) -> bytes:
    """The image of a flatbuffer, as np.save writes it."""
    flatbuffer = parse_flatbuffer(content, "the flatbuffer")
    file = io.BytesIO()
    np.save(file, image_of(flatbuffer.tensors[flatbuffer.inputs[0]].shape))
    return file.getvalue()


def check_counts(found: Mapping[str, Any]) -> None:
    """That the counter and the clock count, and that the delegates took the nodes.

    Raises:
        CountError: one of them did not.
    """
    expected = found["loop"]["expected"]
    for name in ("instructions", "clock_ns"):
        for counted in found["loop"][name]:
            if abs(counted / expected - 1) > LOOP_TOLERANCE:
                raise CountError(f"a loop of {expected} instructions came out as {counted} {name}")
    for form, counted in found["forms"].items():
        if counted["delegate_nodes"] == 0:
            raise CountError(f"{form}: no delegate took a node of {counted['graph_nodes']}")
        taken = sum(len(region["nodes"]) for region in counted["regions"])
        if form == OURS and taken != counted["graph_nodes"]:
            raise CountError(f"{form}: our delegate took {taken} of {counted['graph_nodes']} nodes")


def summary(counted: Mapping[str, Any]) -> dict[str, Any]:
    """Median and limits of the counts of one network."""
    instructions = counted["instructions"]
    return {
        "instructions": int(np.median(instructions)),
        "least": min(instructions),
        "most": max(instructions),
        "with_kernel": int(np.median(counted["clock_ns"])),
        "runs": len(instructions),
        "delegate_nodes": counted["delegate_nodes"],
        "isa": counted["regions"][0]["isa"] if counted["regions"] else None,
    }


def agreement(
    board: np.ndarray[Any, Any], here: np.ndarray[Any, Any], step: float | None
) -> dict[str, float | int | None]:
    """How far the board's logits are from this machine's.

    Args:
        step: of the int8 numbers that logits are made of; None for float32.
    """
    difference = np.abs(board - here)
    return {
        "difference": float(difference.max() / np.abs(here).max()),
        "logits": len(here),
        "logits_differ": int((difference > FLOAT_TOLERANCE * np.abs(here).max()).sum()),
        "int8_steps": None if step is None else round(float(difference.max()) / step),
    }


def _step_of(content: bytes) -> float | None:
    """Scale of the tensor that the last operator turns into logits; None where that is none of int8."""
    flatbuffer = parse_flatbuffer(content, "the flatbuffer")
    tensor = flatbuffer.tensors[flatbuffer.ops[-1].inputs[0]]
    return tensor.scales[0] if tensor.type_name == "int8" else None


def print_table(result: Mapping[str, Any]) -> None:
    """One line for each core and network: millions of instructions, the share of ours that is arithmetic of MACs, how
    many times more the twins take, and how far our logits are from this machine's.
    """
    twins = [form for form in FORMS if form != OURS]
    print(
        f"{'cpu':12}{'network':17}{'packed':>8}{'its MACs':>10}", *(f"{form:>16}" for form in twins), f"{'differs':>9}"
    )
    for row in result["results"]:
        forms = row["forms"]
        ours = forms[OURS]["instructions"]
        cells = [f"{count / 1e6:9.1f} {count / ours:5.2f}x" for count in _instructions(forms, twins)]
        print(
            f"{row['cpu']:12}{row['network']:17}{ours / 1e6:8.2f}{row['arithmetic'] / ours:10.0%}",
            *(f"{cell:>16}" for cell in cells),
            f"{forms[OURS]['difference']:9.0e}",
        )
    for name, reason in result["skipped"].items():
        print(f"{name}: skipped, {reason}")


def _instructions(forms: Mapping[str, Any], names: Sequence[str]) -> list[int]:
    return [forms[name]["instructions"] for name in names if name in forms]


def main() -> int:
    """Makes the networks, starts a board for each and each core, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    networks = [name for name in NETWORKS if name != QUICKNET]
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=networks, metavar="NAME")
    parser.add_argument("--cpus", nargs="+", choices=CPUS, default=list(CPUS))
    parser.add_argument("--runs", type=int, default=5, help="that count, after one that does not")
    parser.add_argument("--models", type=Path, help="folder that keeps the flatbuffers; empty it when networks change")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--timeout-seconds", type=float, default=1800, help="of one board")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    skipped: dict[str, str] = {}
    try:
        board = board_in(given.work)
        with tempfile.TemporaryDirectory(prefix="edgehybrid-") as name:
            folder = given.models or Path(name)
            folder.mkdir(parents=True, exist_ok=True)
            for network in given.networks:
                try:
                    files = flatbuffers_of(network, folder, "aarch64")
                except SkippedError as reason:
                    skipped[network] = str(reason)
                    continue
                for cpu in given.cpus:
                    print(f"{network} on {cpu} …", file=sys.stderr)
                    counted = count(board, cpu, files, given.runs, given.timeout_seconds)
                    rows.append({"cpu": cpu, "network": network, **counted})
    except (BoardError, CountError, build.BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    rows.sort(key=lambda row: list(CPUS).index(row["cpu"]))
    result = {"qemu": qemu_version(), "board": board.versions, "results": rows, "skipped": skipped}
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
