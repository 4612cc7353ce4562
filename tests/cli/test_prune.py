"""``edgehybrid prune``: a run with fewer filters, in every later command; and what users get wrong."""

import json
from pathlib import Path

import pytest
from processes import call, refuse
from tiny_runs import random_run, tiny_recipe

RECIPE = ("network.shortcut=none", "network.placement.full_precision=[first, last, stage3]")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return random_run(tmp_path / "runs", tiny_recipe(*RECIPE)).path


def test_the_new_run_is_costed_and_converted_as_any(run: Path, tmp_path: Path) -> None:
    done = call(["prune", "--keep", "0.6", "--images", "8", "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["source"] == run.name
    assert found["kept_weights"] <= 0.6 * found["weights"]
    assert "Scoring" in done.stderr
    cost = json.loads(call(["cost", f"{found['run']}/recipe.yaml", "--json"], tmp_path).stdout)
    assert cost["energy_uj"] == pytest.approx(found["energy_uj"])
    converted = call(["convert", "--target", "x86_64", "--images", "10", "--json"], tmp_path)
    assert converted.returncode == 0, converted.stderr
    assert Path(found["run"]).name in json.loads(converted.stdout)["model"]


@pytest.mark.parametrize("keep", ["0", "1", "-0.5", "half"])
def test_refuses_a_share_that_prunes_nothing_or_all(keep: str, run: Path, tmp_path: Path) -> None:
    refuse(["prune", run.name, "--keep", keep], tmp_path, 2, "--keep")


def test_refuses_a_run_that_is_not_there(tmp_path: Path) -> None:
    refuse(["prune", "absent"], tmp_path, 1, "absent")
