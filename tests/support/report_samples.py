"""Rows and run folders for the tests of the report: two small networks on digits, proven from end to end."""

import hashlib
import json
from pathlib import Path
from typing import Any

from edgehybrid.census.formats import Format
from edgehybrid.networks import float_twin
from edgehybrid.recipe import Recipe
from edgehybrid.results import Row, row_from
from edgehybrid.results.row import LATENCIES
from edgehybrid.runs.run_folder import open_run
from edgehybrid.runs.sidecar import Sidecar, flatbuffer_name, write_with_sidecar

HYBRID = Recipe.model_validate(
    {
        "name": "digits",
        "description": "a small Hybrid-Res A",
        "data": {"dataset": "digits"},
        "network": {
            "architecture": "resnet20",
            "placement": {"full_precision": ["first", "last", "shortcuts"]},
        },
    }
)
TWIN = float_twin(HYBRID)

BOARD = {"cpu": "Cortex-A72", "cores": 4, "governor": "performance", "load_1min": 0.02}


# What the log of a power meter adds to a row.
METER = {
    "energy_measured_uj": 777.0,
    "power_measured_w": 3.5,
    "power_idle_w": 2.25,
    "meter_samples": 400,
    "meter_offset_seconds": -1.5,
    "meter_sha256": "d" * 64,
}


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_run(
    runs: Path, recipe: Recipe = HYBRID, file_format: Format = "packed", run: str | None = None, **changes: Any
) -> Row:
    """Writes a run folder with one converted model, and returns a row that it proves."""
    run = run or f"{recipe.name}-20250102T030405Z-0a1b2c"
    folder = runs / run
    (folder / "checkpoint").mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    recipe_sha256 = open_run(folder).recipe_sha256
    checkpoint = {
        "file": "epoch-0012.npz",
        "sha256": sha256_of(f"checkpoint of {run}"),
        "epoch": 12,
        "recipe_sha256": recipe_sha256,
    }
    (folder / "checkpoint" / "latest.json").write_text(json.dumps(checkpoint))
    content = f"{file_format} flatbuffer of {run}".encode()
    sidecar = sidecar_of(
        content,
        recipe,
        format=file_format,
        run=run,
        recipe_sha256=recipe_sha256,
        checkpoint_sha256=checkpoint["sha256"],
    )
    write_with_sidecar(folder, content, sidecar)
    proven = ("recipe_sha256", "run", "model", "model_sha256", "format", "target", "epochs")
    return make_row(recipe=recipe.name, **{key: getattr(sidecar, key) for key in proven}, **changes)


def sidecar_of(content: bytes, recipe: Recipe = HYBRID, **changes: Any) -> Sidecar:
    """The sidecar of a flatbuffer for aarch64, by default a packed one."""
    facts: dict[str, Any] = {
        "model_sha256": hashlib.sha256(content).hexdigest(),
        "target": "aarch64",
        "format": "packed",
        "size_bytes": len(content),
        "packed_layers": 18,
        "float_layers": 4,
        "images": 500,
        "top1_agreement_percent": 100.0,
        "max_abs_difference": 1e-5,
        "near_zero_flips": 0,
        "verified_on": "test",
        "warnings": (),
        "run": "digits-20250102T030405Z-0a1b2c",
        "recipe_sha256": "0" * 64,
        "checkpoint_sha256": "2" * 64,
        "epochs": 12,
        "tool_versions": {"edgehybrid": "0.1.0"},
        "layers": {},
        "recipe": recipe,
    } | changes
    return Sidecar.model_validate({"model": flatbuffer_name(facts["format"], facts["target"]), **facts})


def make_row(**changes: Any) -> Row:
    """A complete row; its origin is not proven by any file."""
    row: dict[str, Any] = {
        "recipe": "digits",
        "recipe_sha256": "0" * 64,
        "run": "digits-20250102T030405Z-0a1b2c",
        "model": "model.packed.aarch64.tflite",
        "model_sha256": "1" * 64,
        "format": "packed",
        "target": "aarch64",
        "device": "pi4",
        "board": BOARD,
        "runtime": "edgehybrid 0.1.0 (native, in ai-edge-litert 2.3.0)",
        "isa": "neon",
        "threads": 1,
        "delegated_nodes": 103,
        "graph_nodes": 104,
        "latency_ms_median": 2.5,
        "latency_ms_p95": 2.75,
        "latency_ms_min": 2.25,
        "latency_ms_std": 0.125,
        "sessions": 3,
        "runs": 50,
        "energy_model_uj": 4.5,
        "memory_model_bits": 512 * 8 * 1024,
        "rules": "paper",
        "table": "paper",
        "size_bytes": 256 * 1024,
        "top1_percent": 97.5,
        "images": 360,
        "epochs": 12,
        "peak_memory_bytes": 1024**2,
        "verdict": "valid",
        "verdict_reasons": [],
        "emulated": False,
        "emulated_ms_not_latency": None,
        "measured_at_utc": "2025-01-02T03:04:05Z",
        "tool_version": "0.1.0",
    }
    return row_from(row | changes)


def emulated_row(**changes: Any) -> Row:
    """A row of an emulated board."""
    return make_row(emulated=True, emulated_ms_not_latency=50.0, **dict.fromkeys(LATENCIES), **changes)
