"""A thousand rows, proven by run folders that were trained, on devices in many states: for a large page."""

from pathlib import Path

from epoch_lines import health_of, line_of
from report_samples import HYBRID, TWIN, make_run

from edgehybrid.cost.recipe_cost import cost_of
from edgehybrid.recipe import Recipe, load_recipe
from edgehybrid.results import Row

DEVICES = 25
NAMES = ("hybrid_res_a", "hybrid_res_a_x2", "hybrid_res_b", "hybrid_res_c", "xnor_res", "xnor_res_x2", "hybrid_vgg_a")
EPOCHS = 60


def many_rows(runs: Path, models: int, rows: int) -> list[Row]:
    """So many rows of so many models, each of a run of its own, on 25 devices in turn.

    Two devices are suspect, each has its own temperature.
    """
    recipes = [HYBRID, TWIN, *(load_recipe(name) for name in NAMES)]
    made = [_of_model(runs, recipes[index % len(recipes)], index) for index in range(models)]
    turns = ((index % models, index // models) for index in range(rows))
    return [_row_on(made[model], (turn + model) % DEVICES, model) for model, turn in turns]


def _of_model(runs: Path, recipe: Recipe, index: int) -> Row:
    cost = cost_of(recipe).network
    base = make_run(
        runs,
        recipe,
        "float32" if recipe is TWIN else "packed",
        run=f"{recipe.name}-20250102T0304{index // 60:02d}Z-{index:06x}",
        energy_model_uj=cost.energy_uj,
        memory_model_bits=cost.memory_bits,
        size_bytes=cost.memory_bits // 8 + 20_000 + 137 * index,
        top1_percent=50 + 1.7 * (index % 13) + 0.01 * index,
    )
    layers = [f"stage{stage}_block{block}_conv{conv}" for stage in (1, 2, 3) for block in (1, 2, 3) for conv in (1, 2)]
    lines = [
        line_of(
            epoch,
            loss=4.6 / epoch**0.4,
            top1_train_percent=60 - 55 / epoch,
            top1_percent=55 - 50 / epoch,
            top1_validation_percent=54 - 50 / epoch,
            learning_rate=0.1 if epoch < 40 else 0.01,
            health={layer: health_of(sign_flip_percent=20 / epoch + place) for place, layer in enumerate(layers)},
        ).to_json()
        for epoch in range(1, EPOCHS + 1)
    ]
    (runs / str(base.run) / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return base


def _row_on(base: Row, device: int, model: int) -> Row:
    latency_ms = 2.5 + model / 10 + device / 3
    suspect = device % 11 == 3
    changes = {
        "device": f"board-{device:02d}",
        "board": {
            "cpu": "Cortex-A72" if device % 2 else "Cortex-A53",
            "machine": "aarch64",
            "board_model": "Raspberry Pi 4 Model B Rev 1.5" if device % 2 else "Raspberry Pi Zero 2 W Rev 1.0",
            "cores": 4,
            "isa_features": ["asimd", "asimddp"],
            "memory_bytes": 4_000_000_000,
            "kernel": "6.1.21-v8+",
            "os": "Debian GNU/Linux 12 (bookworm)",
            "firmware": None,
            "emulator": None,
            "governor": "performance",
            "cpu_mhz": 1500.0,
            **{"cpu_mhz_before": 1500.0, "cpu_mhz_min": 1500.0 - 900 * suspect, "cpu_mhz_max": 1500.0},
            **{"temperature_c_before": 45.0 + device, "temperature_c_min": 44.0, "temperature_c_max": 60.0 + device},
            **{"load_1min_before": 0.1, "load_1min_min": 0.0, "load_1min_max": 1.1, "load_1min": 1.0},
            "throttled": ["clock capped"] if suspect else [],
            "others_percent": 0.4,
        },
        "latency_ms_median": latency_ms,
        "latency_ms_p95": latency_ms * 1.04,
        "latency_ms_p5": latency_ms * 0.98,
        "latency_ms_avg": latency_ms * 1.01,
        "latency_ms_min": latency_ms * 0.97,
        "latency_ms_max": latency_ms * 1.3,
        "latency_ms_std": latency_ms * 0.02,
        "init_ms": 12.25,
        "first_warmup_ms": latency_ms * 2,
        "session_spread_percent": 0.4 + device / 10,
        "run_spread_percent": 1.1,
        "peak_memory_bytes": 42_000_000 + device,
        "verdict": "suspect" if suspect else "valid",
        "verdict_reasons": ("the board held its clock back: clock capped",) if suspect else (),
    }
    return base.model_copy(update=changes)
