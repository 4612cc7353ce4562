"""Flatbuffers → samples for a calibration: what each has of work, and what it and its parts take here."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from edgehybrid.device import bench
from edgehybrid.device.calibrate import Sample, TimedPart, calibrate, refuse_what_cannot_be_enough
from edgehybrid.device.calibration import Calibration
from edgehybrid.device.machine import Machine, reached
from edgehybrid.device.sessions import run_sessions, time_parts
from edgehybrid.device.verdict import judge
from edgehybrid.device.work import work_of_flatbuffer, work_of_nodes
from edgehybrid.errors import UsageError
from edgehybrid.flatbuffer import Flatbuffer, read_flatbuffer
from edgehybrid.results.row import Row


def calibrate_device(
    models: Sequence[Path],
    device: str,
    threads: int,
    sessions: int,
    runs: int,
    on_sample: Callable[[Sample], None] = lambda sample: None,
) -> Calibration:
    """Measures flatbuffers on a device, with the parts of packed ones, and fits a calibration to them.

    Args:
        device: ``local``, a name, or an address.
        runs: timed inferences of each session.
        on_sample: is told each network when it is measured.

    Raises:
        UsageError: no such device, or a file that is named twice.
        TransportError: the device cannot be reached, or was lost.
        EdgehybridError: a flatbuffer that cannot be read, counted or run; see ``calibrate``.
    """
    if twice := {str(model) for model in models if models.count(model) > 1}:
        raise UsageError("A flatbuffer is named twice.", received=", ".join(sorted(twice)))
    # All are counted before the first one is measured.
    works = {model: work_of_flatbuffer(read_flatbuffer(model)) for model in models}
    refuse_what_cannot_be_enough({str(model): work for model, work in works.items()})
    samples: list[Sample] = []
    warnings: list[str] = []
    with reached(device) as machine:
        if machine.emulated:
            raise UsageError("The time of an emulated board is no latency.", received=device)
        for model, work in works.items():
            timed = run_sessions(machine, [model], threads, sessions, runs)
            every = timed.of(timed.place.models[0].name)
            ran = bench.ran(timed.flatbuffers[0], every[0], threads, machine.board)
            evidence = bench.evidence_of(every, timed.sessions)
            sample = Sample(
                network=str(model),
                work=work,
                latency_ms=float(np.median(np.concatenate([each.samples_ms for each in every]))),
                runtime=ran.runtime,
                isa=ran.isa,
                threads=ran.threads,
                parts=_parts(machine, model, threads, runs) if ran.delegated_nodes else (),
            )
            _, doubts = judge("test", evidence)
            warnings += [f"{model}: {doubt}" for doubt in doubts]
            samples.append(sample)
            on_sample(sample)
        board = bench.board_facts(machine.board, evidence)
    return calibrate(samples, device, board, warnings)


def sample_of_row(row: Row, flatbuffer: Flatbuffer) -> Sample:
    """A row of the results store as a sample, with the flatbuffer that it is about.

    Raises:
        UsageError: another flatbuffer, or an emulated board, whose time is no latency.
    """
    if row.model_sha256 != flatbuffer.sha256:
        raise UsageError("The row is about another flatbuffer.", received=f"{row.model}: {row.model_sha256[:12]}…")
    if row.latency_ms_median is None:
        raise UsageError("The time of an emulated board is no latency.", received=f"{row.model} on {row.device}")
    return Sample(
        network=f"{row.recipe or row.model} ({row.format})",
        work=work_of_flatbuffer(flatbuffer),
        latency_ms=row.latency_ms_median,
        runtime=row.runtime,
        isa=row.isa,
        threads=row.threads,
    )


def _parts(machine: Machine, model: Path, threads: int, runs: int) -> tuple[TimedPart, ...]:
    """Those with work; the others go with them, see calibrate.py."""
    flatbuffer = read_flatbuffer(model)
    entries = time_parts(machine, model, threads, runs)
    parts = [TimedPart(work_of_nodes(flatbuffer, entry.nodes), entry.time_us_median / 1e3) for entry in entries]
    return tuple(part for part in parts if part.work.operators)
