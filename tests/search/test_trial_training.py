"""A candidate's training: without test images, and on where a worker stopped."""

from pathlib import Path
from typing import Any

import pytest
from small_spaces import SPACE, small_space
from tiny_runs import unfinish

from edgehybrid.recipe import Recipe
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.search.trial_training import train_candidate


class _StopError(Exception):
    pass


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    text = SPACE.replace("epochs: 4", "epochs: 2")
    return small_space(tmp_path_factory.mktemp("space"), text=text).recipe({"network.width": 0.25}, 3)


def train(recipe: Recipe, runs: Path, earlier: str | None = None, stops: bool = False) -> tuple[RunFolder, list[Any]]:
    begun: list[RunFolder] = []
    seen: list[list[EpochLine]] = []

    def on_epochs(lines: list[EpochLine]) -> None:
        seen.append(lines)
        if stops:
            raise _StopError

    try:
        train_candidate(recipe, runs, earlier, begun.append, on_epochs)
    except _StopError:
        assert stops
    return begun[0], seen


def test_test_images_are_left_alone_and_a_stopped_run_is_trained_on(recipe: Recipe, tmp_path: Path) -> None:
    run, seen = train(recipe, tmp_path, stops=True)
    assert [line.epoch for line in seen[0]] == [1]
    (line,) = run.epochs()
    assert line.top1_percent is None
    assert line.health == {}
    assert line.top1_validation_percent is not None
    # The run is there, unfinished: another worker goes on with it.
    again, seen = train(recipe, tmp_path, earlier=run.name)
    assert again.name == run.name
    assert [[line.epoch for line in lines] for lines in seen] == [[1, 2]]
    # Finished, it is not trained any more; another recipe's run is none to go on with.
    same, seen = train(recipe, tmp_path, earlier=run.name)
    assert (same.name, seen) == (run.name, [])
    unfinish(run.path, 1, 0)
    other, _ = train(
        recipe.model_copy(update={"network": recipe.network.model_copy(update={"pad_value": 0})}),
        tmp_path,
        earlier=run.name,
        stops=True,
    )
    assert other.name != run.name


def test_a_run_that_is_not_here_is_trained_anew(recipe: Recipe, tmp_path: Path) -> None:
    run, _ = train(recipe, tmp_path, earlier="elsewhere", stops=True)
    assert run.name != "elsewhere"
