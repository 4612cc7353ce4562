"""From a run to its record: the run that came furthest, a flatbuffer made and evaluated, no paths of the machine."""

from pathlib import Path

import pytest
from epoch_lines import line_of
from few_images import no_epoch, no_step
from tiny_runs import random_run, tiny_recipe, unfinish
from training_records import FLATBUFFER

from edgehybrid.recipe.recipe import Published, Recipe
from edgehybrid.reproduction import work
from edgehybrid.reproduction.record import FlatbufferRecord, record_of
from edgehybrid.reproduction.wanted import Wanted
from edgehybrid.reproduction.work import Progress, bring
from edgehybrid.runs.run_folder import RunFolder, write_environment


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    published = Published(table=5, top1_percent=90.0, energy_efficiency_fp=1.0, memory_compression_fp=1.0)
    return tiny_recipe("training.epochs=2").model_copy(update={"published": published})


def run_of(runs: Path, recipe: Recipe) -> RunFolder:
    """A run that is trained to its end, by its files."""
    run = random_run(runs, recipe)
    (run.path / "metrics.jsonl").write_text("".join(f"{line_of(epoch).to_json()}\n" for epoch in (1, 2)))
    write_environment(run, {"tensorflow": "2.21.0"})
    return run


def quiet(said: list[str]) -> Progress:
    return Progress(said.append, None, no_step, no_epoch)


def test_a_finished_run_becomes_a_record(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work.loop, "train", None)
    run = run_of(tmp_path, recipe)
    other = run_of(tmp_path, recipe.model_copy(update={"description": "the same training, under other words"}))
    unfinish(other.path, 1, 0)
    said: list[str] = []
    record = bring(Wanted(recipe, 199, ("network.width=0.25",)), tmp_path, quiet(said))
    assert said[0] == f"digits, seed {recipe.training.seed}: trained before, {run.path}"
    assert (record.epochs, record.full_epochs, record.seconds) == (2, 199, 4.0)
    assert record.top1_percent == 50.0
    assert record.flatbuffer.format == "packed"
    # Of a network whose layers are random; Keras agrees with the flatbuffer on all but what lies on a threshold.
    assert 0 < record.flatbuffer.top1_percent < 40
    assert record.flatbuffer.top1_agreement_percent > 95
    assert record.environment["tensorflow"] == "2.21.0"
    assert "command" not in record.environment
    assert str(tmp_path) not in record.model_dump_json()
    assert record_of(recipe, [record]) == record


def test_an_unfinished_run_is_trained_on(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(tmp_path, recipe)
    unfinish(run.path, 1, 0)
    resumed: list[Path] = []

    def resume(run: RunFolder, *progress: object, **options: object) -> None:
        resumed.append(run.path)
        unfinish(run.path, 2, 0)

    monkeypatch.setattr(work.loop, "resume", resume)
    monkeypatch.setattr(work, "_flatbuffer", lambda run, say: FlatbufferRecord.model_validate(FLATBUFFER))
    said: list[str] = []
    bring(Wanted(recipe, 2, ()), tmp_path, quiet(said))
    assert resumed == [run.path]
    assert said[0].endswith("epoch 2 of 2 is next")


def test_a_damaged_run_is_passed_over_and_said(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_flatbuffer", lambda run, say: FlatbufferRecord.model_validate(FLATBUFFER))
    run = run_of(tmp_path, recipe)
    damaged = tmp_path / f"{run.name[:-6]}ffffff"
    damaged.mkdir()
    (damaged / "recipe.yaml").write_text("name: [")
    said: list[str] = []
    bring(Wanted(recipe, 2, ()), tmp_path, quiet(said))
    assert said[0].startswith("Passed over: The run folder holds a damaged recipe")
