"""What networks of the front are measured in: once, and only where their runs are."""

from pathlib import Path

import pytest
from small_spaces import SPACE, fake_training, judge_of, small_space
from tiny_runs import random_run

from edgehybrid.recipe import Recipe
from edgehybrid.results import read
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.search import finish
from edgehybrid.search.finish import Member, measured_on, with_test_accuracy
from edgehybrid.search.search import Worker
from edgehybrid.search.study import Study, TrialRecord, open_study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study of one network, whose run has random weights."""
    space = small_space(tmp_path, "limits: {latency_ms_median: 1000}", SPACE)

    def train(recipe: Recipe, runs: Path, earlier: str | None, on_run: object, on_epochs: object) -> None:
        def made(run: RunFolder) -> None:
            on_run(random_run(runs, recipe))  # type: ignore[operator]

        fake_training(lambda _: 80.0)(recipe, tmp_path / "others", earlier, made, on_epochs)

    found = open_study(space, None, tmp_path / "runs", resumes=True)
    worker = Worker(found, judge_of(space), tmp_path / "runs", lambda _: None, train)
    found.optuna.enqueue_trial({"network.width": 0.25})
    worker.run(1, float("inf"))
    return found


def test_the_test_images_are_looked_at_once(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = finish.evaluate_keras
    monkeypatch.setattr(finish, "evaluate_keras", lambda run: calls.append(run.name) or real(run))
    trials = study.kept()
    (member,), notes = with_test_accuracy(study, trials, tmp_path / "runs")
    again, _ = with_test_accuracy(study, trials, tmp_path / "runs")
    assert (again, notes) == ([member], [])
    assert calls == [trials[0].run]
    assert member.top1_percent is not None
    assert 0 <= member.top1_percent <= 100


def test_a_run_on_another_machine_is_said(study: Study, tmp_path: Path) -> None:
    (member,), (note,) = with_test_accuracy(study, study.kept(), tmp_path / "elsewhere")
    assert member.top1_percent is None
    assert str(study.kept()[0].run) in note
    assert "--resume" in note


def test_a_member_is_measured_once_and_its_row_logged(study: Study, tmp_path: Path) -> None:
    members, store = [Member(study.kept()[0])], tmp_path / "results.sqlite"
    said: list[str] = []
    (one,) = measured_on("local", study, members, tmp_path / "runs", store, said.append)
    (again,) = measured_on("local", study, members, tmp_path / "runs", store, said.append)
    (row,) = read(store)
    assert one.latency_ms_median == again.latency_ms_median == row.latency_ms_median
    assert (one.excluded, len(said)) == (None, 1)
    settings = study.space.settings.model_copy(update={"limits": {"latency_ms_median": 1e-9}})
    strict = Study(
        study.space.__class__(**{**study.space.__dict__, "settings": settings}), study.optuna, False, study.url
    )
    (out,) = measured_on("local", strict, members, tmp_path / "runs", store, said.append)
    assert out.excluded == "limit latency_ms_median"


def test_the_measured_latency_as_an_objective_decides_over_the_predicted_one() -> None:
    def member(number: int, top1: float, predicted: float, measured: float | None) -> Member:
        costs = {"latency_ms_predicted": predicted}
        trial = TrialRecord(number, "trained", {}, costs, (top1,), "run", "here", None, 1.0)
        return Member(trial, None, measured)

    # By prediction all are on the front; the second is slower and worse than the first, as measured.
    members = [
        member(0, 90.0, 3.0, 1.0),
        member(1, 80.0, 2.0, 1.5),
        member(2, 70.0, 1.0, 0.5),
        member(3, 60.0, 0.5, None),
    ]
    found = finish._by_measurement(members, ["top1_percent", "latency_ms_median"])
    assert [one.excluded for one in found] == [None, "beaten as measured", None, None]
    assert finish._by_measurement(members, ["top1_percent", "latency_ms_predicted"]) == members
