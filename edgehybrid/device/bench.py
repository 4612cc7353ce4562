"""Flatbuffers → measured rows: sessions on a machine, statistics, verdict, and the analytic model beside them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from edgehybrid import __version__
from edgehybrid.cost.flatbuffer_cost import cost_of_flatbuffer
from edgehybrid.cost.rules import FULL, PAPER
from edgehybrid.device.board import Board
from edgehybrid.device.comparison import Ratio, speed_ratio
from edgehybrid.device.machine import Machine, reached
from edgehybrid.device.session import Measured, Session
from edgehybrid.device.sessions import Timed, memory_alone, run_sessions
from edgehybrid.device.verdict import Evidence, judge
from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.results.row import Row, block_text
from edgehybrid.runs.artefact import Artefact
from edgehybrid.runs.evaluation import evaluation_of
from edgehybrid.runtime import litert, packed
from edgehybrid.runtime.profile import ProfileEntry


class Benchmark(NamedTuple):
    """What was measured together.

    Attributes:
        rows: of the models in their order.
        ratios: of the first model to each other one: how many times as long that takes; none of an emulator's times.
        parts: of the first model, where they were asked for.
    """

    rows: list[Row]
    ratios: list[Ratio]
    parts: tuple[ProfileEntry, ...] = ()


class Ran(NamedTuple):
    """By what a flatbuffer was run: fields of a row."""

    runtime: str
    isa: str | None
    threads: int
    delegated_nodes: int | None
    graph_nodes: int


def benchmark(artefact: Artefact, device: str, threads: int, sessions: int, runs: int) -> Row:
    """``benchmark_together`` of one flatbuffer on a device: ``local``, a name, or an address."""
    with reached(device) as machine:
        return benchmark_together(machine, [artefact], threads, sessions, runs).rows[0]


def benchmark_together(
    machine: Machine, artefacts: Sequence[Artefact], threads: int, sessions: int, runs: int
) -> Benchmark:
    """Measures flatbuffers of one input shape in turns and returns their rows; see ``run_sessions``.

    Raises:
        TransportError: the board was lost.
        EdgehybridError: a flatbuffer for another architecture, or see ``run_sessions``.
    """
    for artefact in artefacts:
        refuse_other_target(artefact, machine.board)
    timed = run_sessions(machine, [artefact.path for artefact in artefacts], threads, sessions, runs)
    rows = [_row(artefact, machine, timed, place, threads) for place, artefact in enumerate(artefacts)]
    if machine.emulated:
        # Its time is none of a processor, and no ratio either.
        return Benchmark(rows, [])
    ours, *rivals = ([each.samples_ms for each in timed.of(model.name)] for model in timed.place.models)
    return Benchmark(rows, [speed_ratio(ours, rival) for rival in rivals])


def refuse_other_target(artefact: Artefact, board: Board) -> None:
    """Raises EdgehybridError for a flatbuffer that was made for another architecture than the board's."""
    if artefact.sidecar.target != board.machine:
        raise EdgehybridError(
            "The flatbuffer was made for another architecture.",
            received=f"{artefact.path.name} on {board.address}, {board.machine}",
            allowed=f"a flatbuffer for {board.machine}",
            next_step=f"Convert the run with --target {board.machine}.",
        )


def _row(artefact: Artefact, machine: Machine, timed: Timed, place: int, threads: int) -> Row:
    model, flatbuffer, sessions = timed.place.models[place], timed.flatbuffers[place], timed.sessions
    every = timed.of(model.name)
    sidecar, evaluation, board = artefact.sidecar, evaluation_of(artefact), machine.board
    evidence = evidence_of(every, sessions)
    verdict, reasons = judge(sidecar.verified_on, evidence)
    samples = np.concatenate([each.samples_ms for each in every])
    # The paper's rules count shortcuts apart, which a foreign model does not name.
    rules = FULL if sidecar.recipe is None else PAPER
    cost = cost_of_flatbuffer(flatbuffer, rules, sidecar=sidecar).network
    times: dict[str, Any] = {
        "latency_ms_median": float(np.median(samples)),
        "latency_ms_p95": float(np.percentile(samples, 95)),
        "latency_ms_p5": float(np.percentile(samples, 5)),
        "latency_ms_avg": float(samples.mean()),
        "latency_ms_min": float(samples.min()),
        "latency_ms_max": float(samples.max()),
        "latency_ms_std": float(samples.std()),
        "init_ms": float(np.median([each.init_ms for each in every])),
        "first_warmup_ms": float(np.median([each.first_warmup_ms for each in every])),
    }
    if machine.emulated:
        times = {"emulated_ms_not_latency": times["latency_ms_median"]}
    return Row(
        recipe=sidecar.name,
        recipe_sha256=sidecar.recipe_sha256,
        run=sidecar.run,
        model=artefact.path.name,
        model_sha256=sidecar.model_sha256,
        format=sidecar.format,
        target=sidecar.target,
        device=machine.device,
        board=board_facts(board, evidence),
        **ran(flatbuffer, every[0], threads, board)._asdict(),
        **times,
        session_spread_percent=round(evidence.between_percent, 2),
        run_spread_percent=round(evidence.within_percent, 2),
        sessions=len(sessions),
        runs=len(samples),
        energy_model_uj=cost.energy_uj,
        memory_model_bits=cost.memory_bits,
        rules=cost.rules,
        table=cost.table,
        size_bytes=sidecar.size_bytes,
        top1_percent=evaluation.top1_percent if evaluation else None,
        images=evaluation.images if evaluation else None,
        epochs=sidecar.epochs,
        peak_memory_bytes=memory_alone(machine, timed.place, model, threads),
        verdict=verdict,
        verdict_reasons=reasons,
        emulated=machine.emulated,
        timed_blocks=timed_blocks(every, evidence),
        tool_version=__version__,
    )


def evidence_of(every: Sequence[Measured], sessions: Sequence[Session]) -> Evidence:
    """What the sessions tell of one model's measurement, for the verdict."""
    medians = [float(np.median(each.samples_ms)) for each in every]
    quarters = [np.percentile(each.samples_ms, [25, 75]) for each in every]
    within = [100 * float(high - low) / median for (low, high), median in zip(quarters, medians, strict=True)]
    others = [session.others_percent for session in sessions if session.others_percent is not None]
    jumps = [session.clock_jump_seconds for session in sessions if session.clock_jump_seconds is not None]
    return Evidence(
        medians_ms=medians,
        within_percent=max(within),
        states=[state for session in sessions for state in session.states],
        others_percent=max(others, default=None),
        clock_jump_seconds=max(jumps, key=abs, default=None),
        restarted=len({session.boot_id for session in sessions}) > 1,
    )


def timed_blocks(every: Sequence[Measured], evidence: Evidence) -> tuple[str, ...] | None:
    """When one model's timed inferences ran; None where the machine's clock was set meanwhile."""
    blocks = [block for each in every for block in each.blocks]
    moments = [moment for block in blocks for moment in block]
    if evidence.clock_jump_seconds is not None or moments != sorted(moments):
        return None
    return tuple(block_text(*block) for block in blocks)


def board_facts(board: Board, evidence: Evidence) -> dict[str, object]:
    """The machine, and its state over time: the first, the least and most, and the last."""
    kept = {"cpu", "machine", "board_model", "cores", "isa_features", "memory_bytes", "kernel", "os", "firmware"}
    facts = board.facts.model_dump(mode="json", include=kept)
    governors = evidence.known(lambda state: state.governor)
    clocks = evidence.known(lambda state: state.cpu_mhz)
    loads = evidence.known(lambda state: state.load_1min)
    over_time = {
        "cpu_mhz": clocks,
        "temperature_c": evidence.known(lambda state: state.temperature_c),
        "load_1min": loads,
    }
    for key, values in over_time.items():
        facts |= {f"{key}_before": values[0], f"{key}_min": min(values), f"{key}_max": max(values)} if values else {}
    throttled = evidence.known(lambda state: state.throttled)
    return {
        **facts,
        "governor": governors[-1] if governors else None,
        "cpu_mhz": clocks[-1] if clocks else None,
        "load_1min": loads[-1] if loads else None,
        "throttled": sorted({word for words in throttled for word in words}) if throttled else None,
        "others_percent": evidence.others_percent,
        "emulator": board.facts.emulator,
    }


def ran(flatbuffer: Flatbuffer, measured: Measured, threads: int, board: Board) -> Ran:
    """In the words of the runtimes of this machine."""
    regions = measured.regions
    if regions:
        return Ran(
            runtime=packed.name_in(measured.host_version),
            isa=regions[0].isa,
            threads=regions[0].threads,
            delegated_nodes=sum(len(region.nodes) for region in regions),
            graph_nodes=regions[0].graph_nodes,
        )
    return Ran(
        runtime=litert.name_in(measured.host_version),
        isa=litert.isa_of(flatbuffer, board.machine, board.facts.isa_features),
        threads=threads,
        delegated_nodes=None,
        graph_nodes=len(flatbuffer.ops),
    )
