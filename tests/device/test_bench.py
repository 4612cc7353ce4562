"""Sessions, statistics, verdict: rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_sessions import sessions_of

from edgehybrid import results
from edgehybrid.census.agreement import stored_layers
from edgehybrid.census.formats import Format
from edgehybrid.cost import cost_of_layers, cost_of_network
from edgehybrid.device.bench import benchmark, benchmark_together, refuse_other_target
from edgehybrid.device.machine import reached
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.networks import float_twin, network_of
from edgehybrid.recipe import load_recipe
from edgehybrid.results.energy import Alignment, with_energy
from edgehybrid.results.meter import PowerLog
from edgehybrid.results.row import block_seconds
from edgehybrid.runs.artefact import Artefact, open_artefact
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime.native_delegate import Region


def test_a_row_can_be_logged_and_comes_back_unchanged(artefact: Artefact, tmp_path: Path) -> None:
    row = benchmark(artefact, "local", threads=1, sessions=2, runs=5)
    results.append(tmp_path / "results.sqlite", row)
    assert results.read(tmp_path / "results.sqlite") == [row]


def test_a_row_holds_the_samples_of_all_sessions(artefact: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions_of(monkeypatch, (1.0, 2.0, 3.0), (3.0, 4.0, 11.0))
    row = benchmark(artefact, "local", threads=1, sessions=2, runs=3)
    assert row.runs == 6
    assert (row.latency_ms_median, row.latency_ms_min, row.latency_ms_max, row.latency_ms_avg) == (3.0, 1.0, 11.0, 4.0)
    # Squared distances from the mean: 9 + 4 + 1 + 1 + 0 + 49 = 64.
    assert row.latency_ms_std == pytest.approx(np.sqrt(64 / 6))
    # Medians 2 and 4; quarters of (3, 4, 11) at 3.5 and 7.5.
    assert (row.session_spread_percent, row.run_spread_percent) == (100.0, 100.0)
    assert (row.init_ms, row.first_warmup_ms, row.peak_memory_bytes, row.top1_percent) == (2.0, 3.0, 10, None)
    assert (row.runtime, row.threads, row.delegated_nodes) == ("ai-edge-litert 9 (XNNPACK)", 1, None)


def test_a_row_names_the_kernels_that_ran(artefact: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    regions = (Region("neon", 2, 1, (0, 1, 2), 5), Region("neon", 2, 1, (4,), 5))
    sessions_of(monkeypatch, (1.0,), regions=regions)
    row = benchmark(artefact, "local", threads=2, sessions=1, runs=1)
    assert row.runtime.endswith("(native, in ai-edge-litert 9)")
    assert (row.isa, row.threads, row.delegated_nodes, row.graph_nodes) == ("neon", 2, 4, 5)


def test_a_row_says_when_its_inferences_ran(artefact: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions_of(monkeypatch, (1.0,), blocks=((0.5, 1.5), (2.0, 2.25)))
    row = benchmark(artefact, "local", threads=1, sessions=1, runs=1)
    assert row.timed_blocks == (
        "1970-01-01T00:00:00.500000Z/1970-01-01T00:00:01.500000Z",
        "1970-01-01T00:00:02.000000Z/1970-01-01T00:00:02.250000Z",
    )


def test_a_meter_that_sees_the_blocks_gives_their_energy(artefact: Artefact) -> None:
    row = benchmark(artefact, "local", threads=1, sessions=2, runs=400)
    blocks = [block_seconds(block) for block in row.timed_blocks or ()]
    first, last = blocks[0][0] - 1, blocks[-1][1] + 1
    step = min(end - begin for begin, end in blocks) / 20
    seconds = np.linspace(first, last, int((last - first) / step))
    is_busy = np.any([(begin <= seconds) & (seconds <= end) for begin, end in blocks], axis=0)
    log = PowerLog(artefact.path, "0" * 64, seconds, np.where(is_busy, 5.0, 2.0))
    found = with_energy(row, 1, log, Alignment(0.0, 2.0))
    # 3 W above idle for the mean latency: W times ms is mJ. At both ends of a block half a step may be missed.
    expected_uj = 1e3 * 3.0 * (row.latency_ms_avg or 0)
    assert 0.9 * expected_uj < (found.energy_measured_uj or 0) < 1.2 * expected_uj


def test_a_row_whose_clock_was_set_between_sessions_does_not_say_when(
    artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second session is not later than the first.
    sessions_of(monkeypatch, (1.0,), (1.0,), blocks=((5.0, 6.0),))
    assert benchmark(artefact, "local", threads=1, sessions=2, runs=1).timed_blocks is None


def test_the_time_of_an_emulator_is_no_latency(artefact: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions_of(monkeypatch, (1.0, 2.0, 3.0))
    with reached("local") as machine:
        (row, _), ratios, _ = benchmark_together(machine._replace(emulated=True), [artefact, artefact], 1, 1, 3)
    assert ratios == []
    assert row.emulated
    assert row.emulated_ms_not_latency == 2.0
    assert [getattr(row, name) for name in results.row.LATENCIES] == [None] * len(results.row.LATENCIES)


def test_models_are_measured_in_turns_and_compared(converted_run: RunFolder) -> None:
    pair = [open_artefact(converted_run.path / f"model.{each}.x86_64.tflite") for each in ("packed", "float32")]
    with reached("local") as machine:
        found = benchmark_together(machine, pair, threads=1, sessions=2, runs=10)
    assert [row.format for row in found.rows] == ["packed", "float32"]
    (ratio,) = found.ratios
    assert ratio.low <= ratio.high
    assert ratio.median == pytest.approx(
        (found.rows[1].latency_ms_median or 0) / (found.rows[0].latency_ms_median or 1), rel=1e-9
    )


@pytest.mark.parametrize("file_format", ["float32", "packed"])
def test_a_row_models_what_the_file_holds(
    file_format: Format, converted_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions_of(monkeypatch, (1.0,))
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


def test_a_damaged_file_is_one_error(artefact: Artefact) -> None:
    artefact.path.write_bytes(b"damaged since it was opened")
    with pytest.raises(EdgehybridError, match="not a TFLite flatbuffer"):
        benchmark(artefact, "local", threads=1, sessions=1, runs=1)


def test_a_device_that_is_none_is_refused(artefact: Artefact) -> None:
    with pytest.raises(UsageError, match="no such device"):
        benchmark(artefact, "nobody", threads=1, sessions=1, runs=1)


def test_a_flatbuffer_for_another_architecture_is_not_sent(artefact: Artefact) -> None:
    with reached("local") as machine, pytest.raises(EdgehybridError, match="another architecture"):
        refuse_other_target(
            artefact, replace(machine.board, facts=machine.board.facts.model_copy(update={"machine": "aarch64"}))
        )
