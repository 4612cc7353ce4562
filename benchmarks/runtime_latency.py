"""Latency of packed networks in the native runtime, beside Larq Compute Engine and beside int8 and float32 twins.

    python benchmarks/runtime_latency.py [--networks hybrid_res_a …] [--rounds 15] [--hide amx|avx512|avx_vnni] [--json]

Every rival holds its network in one process, with random weights, a batch of one image and one thread. An image is
set once; a run is one ``invoke`` (of Larq Compute Engine, one ``predict``). Rivals take turns in two ways:

    blocks        20 runs of a rival, after one that does not count, then 20 of the next; many rounds. A user runs one
                  network over and over, with its weights in the caches: this is what is reported first.
    interleaved   one run of each in turn. A float twin of 150 MB then empties the caches for all others.

``--hide`` runs the program again with features of the processor hidden: hidden_features.py.
"""

import argparse
import json
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hidden_features import HIDES, features_hidden_by, hidden_now, run_without
from medians import ratio_of
from peaks import Peaks, Work, least_ms, measured_peaks
from rivals import NETWORKS, SkippedError, flatbuffers_of

from edgehybrid.census.flatbuffer_layers import count_flatbuffer
from edgehybrid.device.probe import cpu_name
from edgehybrid.device.processor_time import processor_time, share_of_others
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runtime.isa import FLOAT32, INT8, Choices, cpu_features
from edgehybrid.runtime.native_delegate import delegate, regions_in
from edgehybrid.runtime.quiet_start import held_back, quiet_start

OURS = "native"
LCE = {"lce_indirect": True, "lce_default": False}
# A block of a slow rival is shorter, but of no fewer runs than give a median.
BLOCK_RUNS, BLOCK_SECONDS, LEAST_RUNS = 20, 0.5, 3
# Interleaved runs for each block.
INTERLEAVED = 3

Run = Callable[[], Any]


class Rival(NamedTuple):
    """A network ready to run. ``logits`` are those of its one image."""

    run: Run
    logits: np.ndarray[Any, Any]


def open_rivals(files: Mapping[str, Path], threads: int, report: Path) -> dict[str, Rival]:
    """Every runtime with the file that it runs; the first is ours."""
    packed = files["packed"].read_bytes()
    rivals = {OURS: _litert(packed, threads, [delegate(report_file=report)])}
    rivals |= {form: _litert(file.read_bytes(), threads) for form, file in files.items() if form != "packed"}
    return rivals | {name: _lce(packed, threads, indirect) for name, indirect in LCE.items()}


def _litert(content: bytes, threads: int, delegates: Sequence[Any] = ()) -> Rival:
    from ai_edge_litert.interpreter import Interpreter

    with held_back():
        interpreter = Interpreter(
            model_content=content, num_threads=threads, experimental_delegates=list(delegates) or None
        )
        interpreter.allocate_tensors()
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(source["index"], image_of(source["shape"]))
    interpreter.invoke()
    return Rival(interpreter.invoke, interpreter.get_tensor(result["index"]))


def _lce(content: bytes, threads: int, indirect: bool) -> Rival:
    with quiet_start():
        from larq_compute_engine.tflite.python.interpreter import Interpreter
    with held_back():
        interpreter = Interpreter(content, num_threads=threads, use_indirect_bgemm=indirect)
    image = image_of(interpreter.input_shapes[0])
    return Rival(lambda: interpreter.predict(image), interpreter.predict(image))


def image_of(shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """The random image that every rival gets."""
    return np.random.default_rng(0).standard_normal(tuple(shape), np.float32)


def timed_ms(run: Run, runs: int) -> list[float]:
    """The time of each run."""
    samples = []
    for _ in range(runs):
        began = time.perf_counter_ns()
        run()
        samples.append((time.perf_counter_ns() - began) / 1e6)
    return samples


def in_blocks(rivals: Mapping[str, Run], rounds: int) -> dict[str, list[list[float]]]:
    """Blocks of times, ms; each round begins with the next rival, so that none always follows the same one."""
    runs = {}
    for name, run in rivals.items():
        seconds = min(timed_ms(run, 2)) / 1e3
        runs[name] = max(LEAST_RUNS, min(BLOCK_RUNS, math.ceil(BLOCK_SECONDS / seconds)))
    found: dict[str, list[list[float]]] = {name: [] for name in rivals}
    names = list(rivals)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            rivals[name]()
            found[name].append(timed_ms(rivals[name], runs[name]))
    return found


def interleaved(rivals: Mapping[str, Run], rounds: int) -> dict[str, list[float]]:
    """Times, ms, of one run of each rival in turn."""
    found: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, run in rivals.items():
            found[name] += timed_ms(run, 1)
    return found


def work_of(content: bytes) -> Work:
    """Counted in the packed file."""
    count = count_flatbuffer(parse_flatbuffer(content, "the packed file"))
    layers = [stored.layer for stored in count.layers]
    binary = sum(layer.binary_macs for layer in layers)
    weight_bytes = sum(row.bytes for stored in count.layers for row in stored.operators)
    return Work(binary, sum(layer.macs for layer in layers) - binary, weight_bytes)


def measure(name: str, files: Mapping[str, Path], threads: int, rounds: int, peaks: Peaks) -> dict[str, Any]:
    """One network in all runtimes."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "regions.jsonl"
        rivals = open_rivals(files, threads, report)
        regions = regions_in(report)
    runs = {rival: opened.run for rival, opened in rivals.items()}
    blocks = in_blocks(runs, rounds)
    turns = interleaved(runs, INTERLEAVED * rounds)
    ours, reference = rivals[OURS].logits, rivals["lce_indirect"].logits
    median = float(np.median([np.median(block) for block in blocks[OURS]]))
    work, isa = work_of(files["packed"].read_bytes()), regions[0].isa
    least = least_ms(work, peaks, isa, threads)
    return {
        "network": name,
        "isa": isa,
        "nodes_in_regions": sum(len(region.nodes) for region in regions),
        "nodes": regions[0].graph_nodes,
        # As a part of the largest logit.
        "difference_from_lce": float(np.abs(ours - reference).max() / np.abs(reference).max()),
        "blocks_ms": {
            rival: float(np.median([np.median(block) for block in found])) for rival, found in blocks.items()
        },
        "interleaved_ms": {rival: float(np.median(found)) for rival, found in turns.items()},
        # Of blocks: times of a rival over ours, with the 95 % interval.
        "ratios": {rival: ratio_of(blocks[rival], blocks[OURS])._asdict() for rival in blocks if rival != OURS},
        **work._asdict(),
        "roofline_ms": least,
        "share_of_roofline": None if least is None else least / median,
    }


def xnnpack_isa(choices: Choices, features: frozenset[str]) -> str:
    """What XNNPACK chooses on a processor with these features; the last entry needs none."""
    return next(name for name, needed in choices if needed <= features)


def machine(features: frozenset[str]) -> dict[str, Any]:
    """The processor as the libraries in this process see it."""
    known, here = cpu_features(), platform.machine()
    return {
        "cpu": cpu_name(),
        "machine": here,
        "hidden": hidden_now(),
        "has_amx": bool({"amx_tile", "amx_int8"} & known),
        "shows_amx": bool({"amx_tile", "amx_int8"} & features),
        "xnnpack_int8": xnnpack_isa(INT8[here], features),
        "xnnpack_float32": xnnpack_isa(FLOAT32[here], features),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in ("ai-edge-litert", "larq-compute-engine")},
    }


def quietest(measurements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The first of several measurements of one machine, with each network's row from that in which all rivals together
    were fastest: others only ever slow a run. ``measurements`` is of how many, at least.

    Raises:
        ValueError: of different machines, threads, or with other features hidden.
    """
    if len({json.dumps([one["machine"], one["threads"]]) for one in measurements}) != 1:
        raise ValueError("these are measurements of different machines, threads or hidden features")

    def total(row: Mapping[str, Any]) -> float:
        return sum(map(math.log, row["blocks_ms"].values()))

    networks: dict[str, list[Mapping[str, Any]]] = {}
    for row in (row for one in measurements for row in one["results"]):
        networks.setdefault(row["network"], []).append(row)
    return {
        **measurements[0],
        "measurements": min(map(len, networks.values())),
        "results": [min(rows, key=total) for rows in networks.values()],
    }


def show(result: Mapping[str, Any], as_json: bool) -> None:
    """One JSON document, or the table."""
    if as_json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)


def print_table(result: Mapping[str, Any]) -> None:
    """One line a network: our median in blocks, how many times longer the others take, our share of the roofline."""
    about = result["machine"]
    hidden = f", {about['hidden']} hidden" if about["hidden"] else ""
    print(
        f"{about['cpu']}{hidden}; XNNPACK int8 {about['xnnpack_int8']}, float32 {about['xnnpack_float32']}; "
        f"{result['threads']} thread, load {result['load_average_before']:.1f}, "
        f"others {result['others_percent'] or 0:.0f} %"
    )
    rivals = list(dict.fromkeys(name for row in result["results"] for name in row["ratios"]))
    print(f"{'network':16}{'isa':>9}{'native ms':>10}", *(f"{name:>22}" for name in rivals), f"{'roofline':>9}")
    for row in result["results"]:
        cells = [_ratio_cell(row["ratios"].get(name)) for name in rivals]
        share = "" if row["share_of_roofline"] is None else f"{row['share_of_roofline']:.0%}"
        ours = row["blocks_ms"][OURS]
        print(f"{row['network']:16}{row['isa']:>9}{ours:10.4f}", *(f"{cell:>22}" for cell in cells), f"{share:>9}")
    for name, reason in result["skipped"].items():
        print(f"{name}: skipped, {reason}")


def _ratio_cell(ratio: Mapping[str, float] | None) -> str:
    return "" if ratio is None else f"{ratio['ratio']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})"


def main() -> int:
    """Makes the networks, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS, metavar="NAME")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15, help="blocks of each rival")
    parser.add_argument("--hide", choices=HIDES, help="hide these features, and those named before")
    parser.add_argument("--models", type=Path, help="folder that keeps the flatbuffers; empty it when networks change")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quietest", nargs="+", type=Path, help="measure nothing; join JSON of several measurements")
    given = parser.parse_args()
    if given.quietest:
        show(quietest([json.loads(file.read_text()) for file in given.quietest]), given.json)
        return 0
    if given.hide and hidden_now() != given.hide:
        return run_without(given.hide, [sys.executable, *sys.argv])
    features = cpu_features() - {feature.name for feature in features_hidden_by(given.hide)}
    rows, skipped = [], {}
    with tempfile.TemporaryDirectory(prefix="edgehybrid-") as name:
        folder = given.models or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for network in given.networks:
            try:
                files[network] = flatbuffers_of(network, folder, platform.machine())  # type: ignore[arg-type]
            except SkippedError as reason:
                skipped[network] = str(reason)
        load, began = os.getloadavg()[0], processor_time()
        peaks = measured_peaks(Path(name), features)
        for network, made in files.items():
            print(f"{network} …", file=sys.stderr)
            rows.append(measure(network, made, given.threads, given.rounds, peaks))
        others = share_of_others(began, processor_time(), os.cpu_count() or 1)
    result = {
        "machine": machine(features),
        "threads": given.threads,
        "rounds": given.rounds,
        "load_average_before": load,
        "others_percent": None if others is None else 100 * others,
        "peaks": peaks._asdict(),
        "results": rows,
        "skipped": skipped,
    }
    show(result, given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
