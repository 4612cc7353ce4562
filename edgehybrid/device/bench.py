"""Flatbuffer → measured row: sessions on the device, statistics, verdict, and the analytic model beside them."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from edgehybrid import __version__
from edgehybrid.cost import cost_of_network
from edgehybrid.device.board import board_state
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.networks import network_of
from edgehybrid.results import TIME_FORMAT
from edgehybrid.training.artefact import Artefact, read_top1

WARMUP_RUNS = 10
# Medians of two sessions on an idle machine differ by a few percent; more means that something else ran.
MOST_SESSION_SPREAD = 0.10
# Share of the cores that others may use while we measure.
MOST_LOAD_PER_CORE = 0.25
LEAST_SESSIONS = 2


def benchmark(artefact: Artefact, device: str, threads: int, sessions: int, runs: int) -> dict[str, Any]:
    """Measures a flatbuffer and returns its row (``edgehybrid.results.FIELDS``).

    Each session is a process of its own: within one, the spread is small; between them is where runs differ.

    Args:
        runs: timed inferences of each session.

    Raises:
        UsageError: a device other than this machine.
        EdgehybridError: a session failed.
    """
    if device != "local":
        raise UsageError(
            "Boards over SSH are not part of this version.", received=f"--device {device}", allowed="local",
            next_step="Run edgehybrid on the board itself with --device local.",
        )  # fmt: skip
    board = board_state()
    results = [_session(artefact.path, threads, runs) for _ in range(sessions)]
    samples = np.concatenate([result["samples_ms"] for result in results])
    verdict, reasons = judge(artefact.sidecar, board, [float(np.median(r["samples_ms"])) for r in results])
    cost = cost_of_network(network_of(artefact.recipe))
    top1_percent, images = read_top1(artefact.path, artefact.sha256)
    if top1_percent is None:
        reasons.append("no accuracy: run 'edgehybrid evaluate' on this flatbuffer first")
    sidecar = artefact.sidecar
    return {
        "recipe": artefact.recipe.name,
        **{
            key: sidecar[key] for key in ("recipe_sha256", "run", "model", "model_sha256", "format", "target", "epochs")
        },
        "device": device,
        "board": board,
        "runtime": results[0]["runtime"],
        "isa": results[0]["isa"],
        "threads": threads,
        "latency_ms_median": float(np.median(samples)),
        "latency_ms_p95": float(np.percentile(samples, 95)),
        "latency_ms_min": float(samples.min()),
        "latency_ms_std": float(samples.std()),
        "sessions": sessions,
        "runs": len(samples),
        "energy_model_uj": cost.energy_uj,
        "memory_model_bits": int(cost.memory_bits),
        "rules": cost.rules,
        "table": cost.table,
        "size_bytes": sidecar["size_bytes"],
        "top1_percent": top1_percent,
        "images": images,
        "peak_memory_bytes": max(result["peak_memory_bytes"] for result in results),
        "verdict": verdict,
        "verdict_reasons": reasons,
        "emulated": False,
        "emulated_ms_not_latency": None,
        "measured_at_utc": datetime.now(UTC).strftime(TIME_FORMAT),
        "tool_version": __version__,
    }


def judge(sidecar: dict[str, Any], board: dict[str, Any], medians_ms: list[float]) -> tuple[str, list[str]]:
    """Whether the latency can be trusted: valid; suspect, with the reasons; unchecked if no flatbuffer was compared
    with Keras on test images.
    """
    reasons = []
    spread = max(medians_ms) / min(medians_ms) - 1
    if len(medians_ms) < LEAST_SESSIONS:
        reasons.append(f"one session only; at least {LEAST_SESSIONS} show whether it can be repeated")
    if spread > MOST_SESSION_SPREAD:
        reasons.append(f"the medians of the sessions differ by {100 * spread:.0f} %")
    if board["load_1min"] > MOST_LOAD_PER_CORE * (board["cores"] or 1):
        reasons.append(f"the machine was busy: load {board['load_1min']} on {board['cores']} cores")
    if board["governor"] not in (None, "performance"):
        reasons.append(f"the clock may change: governor {board['governor']}")
    if sidecar["verified_on"] != "test":
        return "unchecked", [f"compared with Keras on {sidecar['verified_on']} images", *reasons]
    return ("suspect" if reasons else "valid"), reasons


def _session(path: Path, threads: int, runs: int) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "edgehybrid.device.session", str(path), "--threads", str(threads), "--runs", str(runs),
        "--warmup-runs", str(WARMUP_RUNS),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 1 and done.stdout:
        error = json.loads(done.stdout.splitlines()[-1])["error"]
        raise EdgehybridError(
            f"A measuring session failed: {error['what']}", received=error["received"], allowed=error["allowed"],
            next_step=error["next"],
        )  # fmt: skip
    if done.returncode:
        raise EdgehybridError(
            "A measuring session failed.",
            received=(done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1],
        )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result
