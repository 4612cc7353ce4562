"""Rows and run folders for the tests of the report: two small networks on digits, proven from end to end."""

import hashlib
import json
from pathlib import Path
from typing import Any

from edgehybrid.networks import float_twin
from edgehybrid.recipe import Recipe
from edgehybrid.training.run_folder import open_run

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


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_run(
    runs: Path, recipe: Recipe = HYBRID, format_: str = "packed", run: str | None = None, **changes: Any
) -> dict[str, Any]:
    """Writes a run folder with one converted model, and returns a row that it proves."""
    run = run or f"{recipe.name}-20250102T030405Z-0a1b2c"
    model = f"model.{format_}.aarch64.tflite"
    folder = runs / run
    (folder / "checkpoint").mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    recipe_sha256 = open_run(folder).recipe_sha256
    checkpoint = {
        "file": "epoch-0012.npz", "sha256": sha256_of(f"checkpoint of {run}"), "epoch": 12,
        "recipe_sha256": recipe_sha256,
    }  # fmt: skip
    (folder / "checkpoint" / "latest.json").write_text(json.dumps(checkpoint))
    (folder / model).write_bytes(b"a flatbuffer")
    model_sha256 = sha256_of(f"{model} of {run}")
    sidecar = {
        "run": run, "recipe_sha256": recipe_sha256, "checkpoint_sha256": checkpoint["sha256"],
        "model_sha256": model_sha256,
    }  # fmt: skip
    (folder / model).with_suffix(".json").write_text(json.dumps(sidecar))
    return make_row(
        recipe=recipe.name, recipe_sha256=recipe_sha256, run=run, model=model, model_sha256=model_sha256,
        format=format_, **changes,
    )  # fmt: skip


def make_row(**changes: Any) -> dict[str, Any]:
    """A complete row; its origin is not proven by any file."""
    row: dict[str, Any] = {
        "recipe": "digits", "recipe_sha256": "0" * 64, "run": "digits-20250102T030405Z-0a1b2c",
        "model": "model.packed.aarch64.tflite", "model_sha256": "1" * 64, "format": "packed",
        "target": "aarch64", "device": "pi4", "board": BOARD, "runtime": "lce", "isa": "neon", "threads": 1,
        "latency_ms_median": 2.5, "latency_ms_p95": 2.75, "latency_ms_min": 2.25, "latency_ms_std": 0.125,
        "sessions": 3, "runs": 50, "energy_model_uj": 4.5, "memory_model_bits": 512 * 8 * 1024,
        "rules": "paper", "table": "paper", "size_bytes": 256 * 1024, "top1_percent": 97.5, "images": 360,
        "epochs": 12, "peak_memory_bytes": 1024**2, "verdict": "valid", "verdict_reasons": [],
        "emulated": False, "emulated_ms_not_latency": None, "measured_at_utc": "2025-01-02T03:04:05Z",
        "tool_version": "0.1.0",
    }  # fmt: skip
    unknown = set(changes) - set(row)
    if unknown:
        raise ValueError(f"a row has no {sorted(unknown)}")
    return {**row, **changes}
