"""The worker's loop, with a training that takes no time."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from optuna.trial import TrialState
from small_spaces import SPACE, fake_training, judge_of, small_space

from edgehybrid.cost import cost_of
from edgehybrid.errors import DataError, EdgehybridError, InterruptedTrainingError, RunError
from edgehybrid.recipe import Recipe
from edgehybrid.search import search as module
from edgehybrid.search.search import Worker
from edgehybrid.search.study import Study, open_study

FOREVER = float("inf")


def by_energy(recipe: Recipe) -> float:
    """Accuracy that grows with the energy, below 100."""
    return 100 - 50 / (1 + cost_of(recipe).network.energy_uj)


def worker_of(
    folder: Path, search: str = "", train: object = None, text: str = SPACE
) -> tuple[Worker, Study, list[str]]:
    space, said = small_space(folder, search, text), []
    study = open_study(space, None, folder / "runs", resumes=True)
    worker = Worker(study, judge_of(space), folder / "runs", said.append, train or fake_training(by_energy))
    return worker, study, said


def states(study: Study) -> list[str]:
    return [one.state for one in study.trials()]


def test_it_trains_as_many_as_asked_for_known_designs_first(tmp_path: Path) -> None:
    worker, study, said = worker_of(tmp_path)
    worker.begin(50)
    assert worker.run(4, FOREVER)
    assert states(study)[:4] == ["trained"] * 4
    first = study.trials()[0]
    assert (first.params["network.width"], first.params["network.placement.bits.stage2"]) == (1.0, 1)
    assert first.run is not None
    assert (tmp_path / "runs" / first.run / "recipe.yaml").is_file()
    assert len(first.curve) == 4
    assert first.seconds is not None
    assert any("validation top-1" in line for line in said)
    # What there is counts for the next worker.
    again, study, _ = worker_of(tmp_path)
    again.begin(50)
    assert again.run(6, FOREVER)
    assert states(study).count("trained") == 6


def test_no_network_is_trained_twice_and_an_exhausted_space_is_said(tmp_path: Path) -> None:
    worker, study, said = worker_of(tmp_path)
    worker.begin(50)
    # 3 widths, 2 placements, 2 numbers of bits.
    assert not worker.run(13, FOREVER)
    trained = [one for one in study.trials() if one.state == "trained"]
    assert len({str(one.params) for one in trained}) == len(trained) == 12
    assert "exhausted" in said[-1]


def test_what_a_limit_excludes_is_never_trained(tmp_path: Path) -> None:
    worker, study, _ = worker_of(tmp_path, "limits: {energy_model_uj: 1.0}")
    worker.begin(50)
    assert not worker.run(13, FOREVER)
    for one in study.trials():
        assert (one.state == "trained") == (one.fault is None)
        assert one.state == "left out" or one.costs["energy_model_uj"] <= 1.0


def test_what_cannot_be_cheaper_is_left_out_once_a_network_is_accurate_enough(tmp_path: Path) -> None:
    search = "objectives: [energy_model_uj]\n  limits: {top1_percent: 60}\n  sampler: tpe"
    worker, study, _ = worker_of(tmp_path, search)
    worker.begin(50)
    worker.run(13, FOREVER)
    kept = study.kept()
    cheapest = min(one.costs["energy_model_uj"] for one in kept)
    left_out = [one for one in study.trials() if one.fault == "beaten before training"]
    assert left_out
    assert all(one.costs["energy_model_uj"] >= cheapest for one in left_out)
    # Oracle: all networks of the space.
    every = [
        (cost_of(recipe).network.energy_uj, by_energy(recipe) * (1 - 0.5**4))
        for recipe in (
            study.space.recipe(
                {
                    "network.width": width,
                    "network.placement.full_precision": placed,
                    "network.placement.bits.stage2": bits,
                }
            )
            for width in (0.25, 0.5, 1.0)
            for placed in ('["first", "last"]', '["first", "last", "shortcuts"]')
            for bits in (1, 2)
        )
    ]
    assert cheapest == pytest.approx(min(energy for energy, top1 in every if top1 >= 60))


def test_the_hopeless_stop_early_and_cheap_ones_do_not(tmp_path: Path) -> None:
    def worse_with_cost(recipe: Recipe) -> float:
        return 100 - by_energy(recipe) / 2

    worker, study, _ = worker_of(tmp_path, "early_stop: {first_epochs: 1, factor: 2}", fake_training(worse_with_cost))
    worker.begin(50)
    worker.run(12, FOREVER)
    found = study.trials()
    assert {"trained", "stopped early"} <= set(states(study))
    cheapest = min(found, key=lambda one: one.costs.get("energy_model_uj", FOREVER))
    assert cheapest.state == "trained"
    assert all(len(one.curve) < 4 for one in found if one.state == "stopped early")


def test_a_training_that_fails_is_a_fact_about_the_candidate(tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise EdgehybridError("The loss is not finite any more: epoch 1.")

    worker, study, said = worker_of(tmp_path, train=fail)
    worker.begin(50)
    assert worker.run(2, FOREVER)
    assert states(study)[:2] == ["failed", "failed"]
    assert "not finite" in str(study.trials()[0].fault)
    assert any("failed" in line for line in said)


def test_an_interruption_ends_the_search_and_puts_its_trial_back(tmp_path: Path) -> None:
    def interrupted(recipe: Recipe, runs: Path, earlier: str | None, on_run: Any, on_epochs: Any) -> None:
        on_run(SimpleNamespace(name="begun", epochs=lambda: []))
        raise InterruptedTrainingError("Training was interrupted.")

    worker, study, _ = worker_of(tmp_path, train=interrupted)
    worker.begin(50)
    with pytest.raises(InterruptedTrainingError):
        worker.run(2, FOREVER)
    begun = study.trials()[-1]
    assert (begun.state, begun.params["network.width"], begun.run) == ("waiting", 1.0, "begun")
    # It is the first to be gone on with, in the same run.
    seen: list[str | None] = []

    def goes_on(recipe: Recipe, runs: Path, earlier: str | None, *hooks: Any) -> None:
        seen.append(earlier)
        fake_training(by_energy)(recipe, runs, earlier, *hooks)

    worker, study, _ = worker_of(tmp_path, train=goes_on)
    assert worker.run(1, FOREVER)
    (done,) = [one for one in study.trials() if one.state == "trained"]
    assert (done.params, seen) == (begun.params, ["begun"])


def test_missing_images_end_the_search_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SPACE.replace("  dataset: digits\n  image_side: 8\n", "  dataset: cifar100\n")
    monkeypatch.setenv("EDGEHYBRID_DATA", str(tmp_path / "absent"))
    worker, study, _ = worker_of(tmp_path, text=text)
    with pytest.raises(DataError):
        worker.begin(5)
    assert states(study) == []


@pytest.mark.parametrize("error", [RunError("The disk is full."), KeyboardInterrupt()], ids=["disk", "keyboard"])
def test_what_is_not_the_candidates_fault_puts_its_trial_back(error: BaseException, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise error

    worker, study, _ = worker_of(tmp_path, train=fail)
    worker.begin(50)
    with pytest.raises(type(error)):
        worker.run(2, FOREVER)
    assert "failed" not in states(study)
    worker, study, _ = worker_of(tmp_path)
    assert worker.run(1, FOREVER)


@pytest.mark.filterwarnings("ignore:Heartbeat of storage:UserWarning")
def test_it_ends_in_time_and_waits_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)
    worker, study, _ = worker_of(tmp_path)
    worker.begin(50)
    assert not worker.run(3, time.monotonic() - 1)
    assert "trained" not in states(study)
    other = study.optuna.ask()
    # Another worker has the only trial that is left: this one waits until its time is over.
    assert not worker.run(1, time.monotonic() + 0.2)
    assert "trained" not in states(study)
    study.optuna.tell(other, [50.0, 1.0])
    assert worker.run(1, FOREVER)


def test_a_worker_that_was_taken_for_dead_goes_on_with_the_next(tmp_path: Path) -> None:
    taken: list[int] = []

    def asleep(recipe: Recipe, runs: Path, earlier: str | None, on_run: Any, on_epochs: Any) -> None:
        if not taken:
            taken.append(1)
            # Another worker finds no heartbeat.
            (running,) = study.optuna.get_trials(states=[TrialState.RUNNING])
            study.optuna._storage.set_trial_state_values(running._trial_id, TrialState.FAIL)
        fake_training(by_energy)(recipe, runs, earlier, on_run, on_epochs)

    worker, study, said = worker_of(tmp_path, train=asleep)
    worker.begin(20)
    assert worker.run(2, FOREVER)
    assert any("taken over" in line for line in said)
    assert states(study).count("trained") >= 1


def test_a_worker_that_joins_draws_others_than_the_first(tmp_path: Path) -> None:
    text = SPACE.replace("{choices: [0.25, 0.5, 1.0]}", "{range: [0.25, 4.0]}")
    drawn = []
    for _ in range(3):
        _, study, _ = worker_of(tmp_path, text=text)
        domain = study.space.domains["network.width"]
        study.optuna.optimize(
            lambda trial, domain=domain: [float(domain.suggest(trial, "network.width"))] * 2, n_trials=1
        )
        drawn.append(study.optuna.trials[-1].params["network.width"])
    assert len(set(drawn)) == 3
