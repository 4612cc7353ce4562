"""The demo's stages in a row, with made-up ones in place of those that take minutes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from report_samples import TWIN, make_run, sidecar_of

from edgehybrid import demo as stages
from edgehybrid import results
from edgehybrid.census.formats import Format, Target
from edgehybrid.demo import LEAST_TOP1_PERCENT, demo
from edgehybrid.errors import ConversionError, EdgehybridError
from edgehybrid.recipe import Recipe
from edgehybrid.results import Row
from edgehybrid.runs.artefact import Artefact
from edgehybrid.runs.run_folder import RunFolder, create_run
from edgehybrid.runs.sidecar import write_with_sidecar


class Stages:
    """What each stage was asked for, and the accuracy that every flatbuffer has."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.top1_percent = LEAST_TOP1_PERCENT
        self.trained: list[Recipe] = []
        self.converted: list[tuple[str, Format, Target]] = []
        self.evaluated: list[str] = []
        self.said: list[str] = []

    def train(self, recipe: Recipe, runs: Path, *_: object, **__: object) -> tuple[RunFolder, None]:
        self.trained.append(recipe)
        return create_run(runs, recipe), None

    def convert(self, run: RunFolder, target: Target, file_format: Format) -> Any:
        self.converted.append((run.recipe.name, file_format, target))
        content = f"{file_format} of {run.name} for {target}".encode()
        facts = {"run": run.name, "recipe_sha256": run.recipe_sha256, "format": file_format, "target": target}
        sidecar = sidecar_of(content, run.recipe, **facts)
        write_with_sidecar(run.path, content, sidecar)
        return sidecar

    def evaluate(self, artefact: Artefact) -> Any:
        self.evaluated.append(artefact.path.name)
        return SimpleNamespace(top1_percent=self.top1_percent)

    def benchmark(self, artefact: Artefact, device: str, **_: object) -> Row:
        recipe = artefact.recipe
        return make_run(
            self.runs,
            recipe,
            artefact.sidecar.format,
            artefact.sidecar.run,
            device=device,
            top1_percent=self.top1_percent,
        )


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    found = Stages(tmp_path / "runs")
    monkeypatch.setattr(stages, "train", found.train)
    monkeypatch.setattr(stages, "convert", found.convert)
    monkeypatch.setattr(stages, "evaluate_flatbuffer", found.evaluate)
    monkeypatch.setattr(stages, "write_evaluation", lambda *_: None)
    monkeypatch.setattr(stages, "benchmark", found.benchmark)
    return found


def nothing(*_: object) -> None:
    """Of the progress of a training."""


def run_demo(made_up: Stages) -> Any:
    return demo(made_up.runs, made_up.runs / "results.sqlite", made_up.said.append, nothing, nothing, nothing)


def test_a_hybrid_and_its_twin_are_trained_and_converted_for_every_processor(made_up: Stages) -> None:
    run_demo(made_up)
    assert [recipe.name for recipe in made_up.trained] == ["digits", TWIN.name]
    assert made_up.trained[1].training == made_up.trained[0].training
    forms = [("digits", "packed"), (TWIN.name, "int8"), (TWIN.name, "float32")]
    assert sorted(made_up.converted) == sorted((*form, target) for form in forms for target in ("aarch64", "x86_64"))
    assert len(made_up.evaluated) == len(forms)


def test_every_row_is_logged_and_reported(made_up: Stages) -> None:
    rows, report = run_demo(made_up)
    assert results.read(made_up.runs / "results.sqlite") == rows
    assert [row.format for row in rows] == ["packed", "int8", "float32"]
    assert report.rows == 3
    assert report.comparisons
    assert report.html.is_file()


def test_a_network_that_is_not_accurate_is_an_error_behind_its_report(made_up: Stages) -> None:
    made_up.top1_percent = LEAST_TOP1_PERCENT - 0.01
    with pytest.raises(EdgehybridError, match=r"'digits' \(packed\) is not accurate enough") as failed:
        run_demo(made_up)
    assert failed.value.received == "94.99 % of the test images"
    assert (made_up.runs / "report.html").is_file()


def test_a_stage_that_fails_ends_it(made_up: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ConversionError("The flatbuffer does not compute what the Keras model computes.")

    monkeypatch.setattr(stages, "convert", fail)
    with pytest.raises(ConversionError):
        run_demo(made_up)
    assert [recipe.name for recipe in made_up.trained] == ["digits"]
    assert not (made_up.runs / "results.sqlite").exists()


def test_each_step_is_said(made_up: Stages) -> None:
    run_demo(made_up)
    assert [line.split(":")[0].split(" ")[0] for line in made_up.said] == [
        *("train", "convert", "convert", "measure"),
        *("train", "convert", "convert", "measure", "convert", "convert", "measure"),
    ]
