"""Flatbuffer → measured row: sessions on the device, statistics, verdict, and the analytic model beside them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgehybrid import __version__
from edgehybrid.cost.flatbuffer_cost import cost_of_flatbuffer
from edgehybrid.cost.rules import PAPER
from edgehybrid.device.board import board_state
from edgehybrid.device.processor_time import processor_time, share_of_others
from edgehybrid.device.session import Session
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.results.row import Row, Verdict
from edgehybrid.runs.artefact import Artefact
from edgehybrid.runs.evaluation import evaluation_of

WARMUP_RUNS = 10
# Medians of two sessions on an idle machine differ by a few percent; more means that something else ran.
MOST_SESSION_SPREAD = 0.10
# Share of all cores' time that others may take while we measure.
MOST_OTHERS_SHARE = 0.10
LEAST_SESSIONS = 2


def benchmark(artefact: Artefact, device: str, threads: int, sessions: int, runs: int) -> Row:
    """Measures a flatbuffer and returns its row.

    Each session is a process of its own: within one, the spread is small; between them is where runs differ.

    Args:
        runs: timed inferences of each session.

    Raises:
        UsageError: a device other than this machine.
        EdgehybridError: a session failed.
    """
    if device != "local":
        raise UsageError(
            "Boards over SSH are not part of this version.",
            received=f"--device {device}",
            allowed="local",
            next_step="Run edgehybrid on the board itself with --device local.",
        )
    began = processor_time()
    results = [_session(artefact.path, threads, runs) for _ in range(sessions)]
    others = share_of_others(began, processor_time(), os.cpu_count() or 1)
    board = {**board_state(), "others_percent": None if others is None else round(100 * others, 1)}
    samples = np.concatenate([result.samples_ms for result in results])
    medians_ms = [float(np.median(result.samples_ms)) for result in results]
    verdict, reasons = judge(artefact.sidecar.verified_on, board, medians_ms)
    sidecar, evaluation = artefact.sidecar, evaluation_of(artefact)
    cost = cost_of_flatbuffer(read_flatbuffer(artefact.path), PAPER, sidecar=sidecar).network
    return Row(
        recipe=sidecar.recipe.name,
        recipe_sha256=sidecar.recipe_sha256,
        run=sidecar.run,
        model=artefact.path.name,
        model_sha256=sidecar.model_sha256,
        format=sidecar.format,
        target=sidecar.target,
        device=device,
        board=board,
        runtime=results[0].runtime,
        isa=results[0].isa,
        threads=threads,
        latency_ms_median=float(np.median(samples)),
        latency_ms_p95=float(np.percentile(samples, 95)),
        latency_ms_min=float(samples.min()),
        latency_ms_std=float(samples.std()),
        sessions=sessions,
        runs=len(samples),
        energy_model_uj=cost.energy_uj,
        memory_model_bits=cost.memory_bits,
        rules=cost.rules,
        table=cost.table,
        size_bytes=sidecar.size_bytes,
        top1_percent=evaluation.top1_percent if evaluation else None,
        images=evaluation.images if evaluation else None,
        epochs=sidecar.epochs,
        peak_memory_bytes=max(result.peak_memory_bytes for result in results),
        verdict=verdict,
        verdict_reasons=reasons,
        emulated=False,
        tool_version=__version__,
    )


def judge(verified_on: str, board: Mapping[str, Any], medians_ms: Sequence[float]) -> tuple[Verdict, tuple[str, ...]]:
    """Whether the latency can be trusted: valid; suspect, with the reasons; unchecked if no flatbuffer was compared
    with Keras on test images.
    """
    reasons = []
    spread = max(medians_ms) / min(medians_ms) - 1
    if len(medians_ms) < LEAST_SESSIONS:
        reasons.append(f"one session only; at least {LEAST_SESSIONS} show whether it can be repeated")
    if spread > MOST_SESSION_SPREAD:
        reasons.append(f"the medians of the sessions differ by {100 * spread:.0f} %")
    others_percent = board["others_percent"]
    if others_percent is not None and others_percent > 100 * MOST_OTHERS_SHARE:
        reasons.append(f"others took {others_percent:.0f} % of the processor's time meanwhile")
    if board["governor"] not in (None, "performance"):
        reasons.append(f"the clock may change: governor {board['governor']}")
    if verified_on != "test":
        return "unchecked", (f"compared with Keras on {verified_on} images", *reasons)
    return ("suspect" if reasons else "valid"), tuple(reasons)


def _session(path: Path, threads: int, runs: int) -> Session:
    command = [
        sys.executable,
        "-m",
        "edgehybrid.device.session",
        str(path),
        "--threads",
        str(threads),
        "--runs",
        str(runs),
        "--warmup-runs",
        str(WARMUP_RUNS),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 1 and done.stdout:
        error = json.loads(done.stdout.splitlines()[-1])["error"]
        raise EdgehybridError(
            f"A measuring session failed: {error['what']}",
            received=error["received"],
            allowed=error["allowed"],
            next_step=error["next"],
        )
    if done.returncode:
        raise EdgehybridError(
            "A measuring session failed.",
            received=(done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1],
        )
    return Session.model_validate_json(done.stdout.splitlines()[-1])
