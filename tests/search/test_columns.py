"""Columns: the figures that need no training are the cost model's, and what a column needs is asked for."""

from dataclasses import replace
from pathlib import Path

import pytest
from calibration_samples import PACKED_NS, samples, time_ms
from small_spaces import SPACE, small_space

from edgehybrid.census.activation_memory import peak_activation_bits
from edgehybrid.cost import cost_of
from edgehybrid.cost.moons import MoonsConstants
from edgehybrid.device.calibrate import calibrate
from edgehybrid.device.calibration import write_calibration
from edgehybrid.device.work import work_of_network
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.networks import network_of
from edgehybrid.search.candidate import Judge
from edgehybrid.search.columns import COLUMNS, CostModel, check_columns, sampled_objectives
from edgehybrid.search.settings import Search

MOONS = {"dram_pj": 500.0, "weight_memory_bits": 1e6, "activation_memory_bits": 1e6}


def test_the_figures_are_those_of_the_cost_command(tmp_path: Path) -> None:
    recipe = small_space(tmp_path).recipe({"network.width": 0.5})
    settings = Search(
        objectives=("top1_percent", "moons_energy_uj"),
        limits={"peak_activation_packed_bits": 1e9},
        moons=MOONS,
        rules="full",
        table="paper",
    )
    found = CostModel(settings, tmp_path).costs(recipe)
    from edgehybrid.cost.rules import FULL

    cost = cost_of(recipe, FULL)
    assert found == {
        "energy_model_uj": cost.network.energy_uj,
        "moons_energy_uj": MoonsConstants(**MOONS).energy_of([one.layer for one in cost.network.layers]).total_pj / 1e6,
        "memory_model_bits": cost.network.memory_bits,
        "peak_activation_packed_bits": peak_activation_bits(network_of(recipe))[1],
    }


@pytest.mark.parametrize(
    ("settings", "device", "parts"),
    [
        ({"objectives": ("top1",)}, None, ["no column", "top1_percent"]),
        ({"limits": {"energy_uj": 1.0}}, None, ["no column", "energy_model_uj"]),
        ({"objectives": ("top1_percent", "top1_percent")}, None, ["twice"]),
        ({"objectives": ("top1_percent", "latency_ms_predicted")}, None, ["calibration", "edgehybrid calibrate"]),
        ({"objectives": ("top1_percent", "moons_energy_uj")}, None, ["moons"]),
        ({"limits": {"latency_ms_median": 2.0}}, None, ["--device"]),
        ({"objectives": ("top1_percent", "latency_ms_median")}, "local", ["prediction", "calibrate"]),
    ],
)
def test_a_column_says_what_it_needs(settings: dict[str, object], device: str | None, parts: list[str]) -> None:
    with pytest.raises(UsageError) as refusal:
        check_columns(Search.model_validate(settings), device)
    for part in parts:
        assert part in str(refusal.value)


def test_every_column_can_be_asked_for() -> None:
    settings = Search(objectives=tuple(COLUMNS), moons=MOONS, calibration="c.json")
    check_columns(settings, "local")
    # The measured latency is predicted while networks are trained, and stands there once.
    assert sampled_objectives(settings) == [name for name in COLUMNS if name != "latency_ms_median"]


def test_what_the_figures_are_made_of_is_read_before_anything_else(tmp_path: Path) -> None:
    for settings, part in (
        (Search(rules="half"), "half"),
        (Search(table="absent"), "absent"),
        (Search(moons={"dram_pj": 1.0}), "weight_memory_bits"),
        (Search(calibration="absent.json"), "absent.json"),
    ):
        with pytest.raises(EdgehybridError, match=part):
            CostModel(settings, tmp_path).check()


def test_a_latency_is_predicted_with_its_interval_and_what_cannot_be_is_left_out(tmp_path: Path) -> None:
    """Against a calibration of networks of the space itself, of known times a unit of work."""
    space = small_space(tmp_path, text=SPACE.replace("[0.25, 0.5, 1.0]", "[0.25, 0.5, 1.0, 8.0]"))
    params = [
        {"network.width": width, "network.placement.bits.stage2": bits} for width in (0.25, 0.5, 1.0) for bits in (1, 2)
    ]
    works = [work_of_network(network_of(space.recipe(each)), "packed") for each in params]
    write_calibration(tmp_path / "here.json", calibrate(samples(works, PACKED_NS), "local", {}))
    settings = Search(
        objectives=("top1_percent", "latency_ms_predicted"),
        limits={"latency_ms_predicted": 10},
        calibration="here.json",
    )
    limited = replace(space, settings=settings)
    judge = Judge(limited, CostModel(settings, tmp_path))
    one = judge.candidate(params[3])
    assert one.fault is None
    assert one.costs["latency_ms_predicted"] == pytest.approx(time_ms(works[3], PACKED_NS), rel=1e-6)
    assert one.costs["latency_ms_low"] <= one.costs["latency_ms_predicted"] <= one.costs["latency_ms_high"]
    wide = judge.candidate({"network.width": 8.0})
    assert (wide.fault, wide.costs) == ("figure not known", {})
    assert "outside of what was measured" in wide.words
