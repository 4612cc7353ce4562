"""``edgehybrid significance``: from a run to the recipe of a network of mixed precision; and what users get wrong."""

import json
from pathlib import Path

import pytest
from processes import call, refuse
from tiny_runs import random_run, tiny_recipe

from edgehybrid.recipe import load_recipe

PLAIN = ("network.shortcut=none", "network.placement.full_precision=[first, last]")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    return random_run(tmp_path / "runs", tiny_recipe(*PLAIN)).path


def test_names_layers_draws_curves_and_writes_a_recipe_that_costs_what_it_says(run: Path, tmp_path: Path) -> None:
    arguments = ["significance", "--images", "40", "--rise", "1", "--bits", "4", "--out", "h.yaml", "--plot", "c.svg"]
    done = call([*arguments, "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["run"], found["images"], found["out"]) == (run.name, 40, "h.yaml")
    assert found["significant"] == [layer["layer"] for layer in found["layers"] if layer["is_significant"]] != []
    assert (tmp_path / "c.svg").read_text().startswith("<?xml")
    bits = load_recipe(tmp_path / "h.yaml").network.placement.bits
    assert set(found["significant"]) <= set(bits)
    assert set(bits.values()) == {4}
    assert "digits_hybrid" in call(["cost", "h.yaml"], tmp_path).stdout
    refuse(arguments, tmp_path, 1, "exists already", "--overwrite")
    assert call([*arguments, "--overwrite"], tmp_path).stdout.endswith("Next: edgehybrid train h.yaml\n")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--bits", "2"], ["--bits is for the recipe of --out"]),
        (["--overwrite"], ["--overwrite replaces"]),
        (["--threshold", "1"], ["--threshold"]),
        (["--rise", "0"], ["--rise"]),
        (["--bits", "1", "--out", "h.yaml"], ["--bits"]),
    ],
    ids=" ".join,
)
def test_refuses_options_that_mean_nothing(arguments: list[str], parts: list[str], run: Path, tmp_path: Path) -> None:
    refuse(["significance", run.name, *arguments], tmp_path, 2, *parts)


def test_an_output_that_cannot_be_written_is_said_and_leaves_nothing(run: Path, tmp_path: Path) -> None:
    arguments = ["significance", "--images", "40", "--rise", "1", "--out", "h.yaml", "--plot", "absent/c.svg"]
    refuse(arguments, tmp_path, 1, "cannot be written")
    assert not (tmp_path / "h.yaml").exists()
