"""Sessions, statistics, verdict: one row."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgehybrid import results
from edgehybrid.census.agreement import stored_layers
from edgehybrid.census.formats import Format
from edgehybrid.cost import cost_of_layers, cost_of_network
from edgehybrid.device.bench import benchmark, judge
from edgehybrid.device.session import Session
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.networks import float_twin, network_of
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.artefact import Artefact, open_artefact
from edgehybrid.runs.run_folder import RunFolder

QUIET: dict[str, Any] = {"others_percent": 1.5, "cores": 4, "governor": "performance"}


def test_equal_sessions_on_a_quiet_machine_are_valid() -> None:
    assert judge("test", QUIET, [1.0, 1.05]) == ("valid", ())


@pytest.mark.parametrize("unknown", ["governor", "others_percent"])
def test_what_a_machine_does_not_tell_is_no_doubt(unknown: str) -> None:
    assert judge("test", {**QUIET, unknown: None}, [1.0, 1.0])[0] == "valid"


def test_a_tenth_of_the_processor_is_left_to_others() -> None:
    assert judge("test", {**QUIET, "others_percent": 10.0}, [1.0, 1.0])[0] == "valid"


@pytest.mark.parametrize(
    ("board", "medians_ms", "reason"),
    [
        ({}, [1.0], "one session only"),
        ({}, [1.0, 1.25], "differ by 25 %"),
        ({"others_percent": 10.6}, [1.0, 1.0], "others took 11 % of the processor's time"),
        ({"governor": "ondemand"}, [1.0, 1.0], "governor ondemand"),
    ],
)
def test_each_doubt_makes_a_row_suspect(board: dict[str, Any], medians_ms: list[float], reason: str) -> None:
    verdict, reasons = judge("test", QUIET | board, medians_ms)
    assert verdict == "suspect"
    assert len(reasons) == 1
    assert reason in reasons[0]


def test_a_flatbuffer_compared_on_noise_only_is_unchecked() -> None:
    assert judge("substitute", QUIET, [1.0, 1.0]) == (
        "unchecked",
        ("compared with Keras on substitute images",),
    )


def test_a_row_can_be_logged_and_comes_back_unchanged(artefact: Artefact, tmp_path: Path) -> None:
    row = benchmark(artefact, "local", threads=1, sessions=2, runs=5)
    results.append(tmp_path / "results.sqlite", row)
    assert results.read(tmp_path / "results.sqlite") == [row]


def test_a_row_holds_the_samples_of_all_sessions(artefact: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = iter([(1.0, 2.0, 3.0), (3.0, 4.0, 11.0)])
    monkeypatch.setattr(
        "edgehybrid.device.bench._session",
        lambda *_: Session(samples_ms=next(sessions), runtime="x", isa="y", peak_memory_bytes=10),
    )
    row = benchmark(artefact, "local", threads=1, sessions=2, runs=3)
    assert row.runs == 6
    assert row.latency_ms_median == 3.0
    assert row.latency_ms_min == 1.0
    # Mean 4, squared distances 9 + 4 + 1 + 1 + 0 + 49 = 64.
    assert row.latency_ms_std == pytest.approx(np.sqrt(64 / 6))
    assert row.top1_percent is None


@pytest.mark.parametrize("file_format", ["float32", "packed"])
def test_a_row_models_what_the_file_holds(
    file_format: Format, converted_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "edgehybrid.device.bench._session",
        lambda *_: Session(samples_ms=(1.0,), runtime="x", isa=None, peak_memory_bytes=10),
    )
    artefact = open_artefact(converted_run.path / f"model.{file_format}.x86_64.tflite")
    row = benchmark(artefact, "local", threads=1, sessions=1, runs=1)
    recipe = artefact.recipe
    layers = stored_layers(network_of(recipe), file_format)
    same_precision = float_twin(recipe) if file_format == "float32" else recipe
    for expected in (cost_of_layers(layers, recipe.data.classes), cost_of_network(network_of(same_precision))):
        assert row.energy_model_uj == pytest.approx(expected.energy_uj, rel=1e-12)
        assert row.memory_model_bits == expected.memory_bits
    assert (row.rules, row.table) == ("paper", "paper")


@pytest.mark.parametrize(
    ("file_format", "energy_uj", "memory_bits"), [("float32", 184.87, 8_852_992), ("packed", 10.69, 589_312)]
)
def test_the_layers_of_a_file_of_hybrid_res_a_cost_what_the_paper_says_of_their_precision(
    file_format: Format, energy_uj: float, memory_bits: int
) -> None:
    cost = cost_of_layers(stored_layers(network_of(load_recipe("hybrid_res_a")), file_format), 100)
    assert (round(cost.energy_uj, 2), cost.memory_bits) == (energy_uj, memory_bits)


def test_a_failed_session_says_why(artefact: Artefact) -> None:
    artefact.path.write_bytes(b"damaged since it was opened")
    with pytest.raises(EdgehybridError, match="A measuring session failed: The file is not a TFLite flatbuffer"):
        benchmark(artefact, "local", threads=1, sessions=1, runs=1)


def test_refuses_another_device_than_this_machine(artefact: Artefact) -> None:
    with pytest.raises(UsageError, match="not part of this version"):
        benchmark(artefact, "ssh://pi@board", threads=1, sessions=1, runs=1)
