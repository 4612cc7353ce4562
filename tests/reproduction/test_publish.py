"""From a run to the zoo."""

import json
from pathlib import Path

import pytest
from epoch_lines import HEALTH, line_of
from tiny_runs import random_run, tiny_recipe, unfinish

from edgehybrid.errors import RunError
from edgehybrid.reproduction.publish import publish
from edgehybrid.runs.artefact import open_artefact
from edgehybrid.runs.checkpoint import read_record
from edgehybrid.runs.evaluation import evaluation_of
from edgehybrid.runs.run_folder import RunFolder, open_run, write_environment


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = random_run(tmp_path_factory.mktemp("runs"), tiny_recipe("training.epochs=1"))
    (run.path / "metrics.jsonl").write_text(line_of(1, health={"stage1_block1_conv1": HEALTH}).to_json() + "\n")
    write_environment(run, {"tensorflow": "2.21.0"})
    return run


def test_all_but_the_weights_is_there(run: RunFolder, tmp_path: Path) -> None:
    old = tmp_path / f"digits-20200101T000000Z-{'0' * 6}"
    (old / "checkpoint").mkdir(parents=True)
    entry = open_run(publish(run, tmp_path))
    # What had the name before is gone.
    assert list(tmp_path.iterdir()) == [entry.path]
    assert (entry.name, entry.recipe_sha256) == (run.name, run.recipe_sha256)
    assert read_record(entry).sha256 == read_record(run).sha256
    assert not list(entry.path.rglob("*.npz"))
    for target in ("x86_64", "aarch64"):
        artefact = open_artefact(entry.path / f"model.packed.{target}.tflite")
        evaluation = evaluation_of(artefact)
        assert evaluation is not None
        assert evaluation.model == artefact.path.name
    assert entry.epochs()[0].health == {}
    assert "command" not in json.loads((entry.path / "env.json").read_text())


def test_a_network_in_full_precision_comes_in_both_formats_of_its_weights(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    recipe = tiny_recipe("training.epochs=1", "network.placement.full_precision=[all]")
    run = random_run(tmp_path / "runs", recipe)
    (run.path / "metrics.jsonl").write_text(line_of(1).to_json() + "\n")
    write_environment(run, {"tensorflow": "2.21.0"})
    entry = publish(run, tmp_path / "zoo")
    assert sorted(path.name for path in entry.glob("*.tflite")) == [
        f"model.{file_format}.{target}.tflite"
        for file_format in ("float32", "int8")
        for target in ("aarch64", "x86_64")
    ]


def test_refuses_a_run_that_is_not_finished(run: RunFolder, tmp_path: Path) -> None:
    latest = run.path / "checkpoint" / "latest.json"
    before = latest.read_text()
    unfinish(run.path, 0, 1)
    with pytest.raises(RunError, match="0 of 1 epochs"):
        publish(run, tmp_path)
    latest.write_text(before)
    assert not list(tmp_path.iterdir())
