"""The study in its database: joined, refused, taken up again; and what is wrong with a database, in one message."""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from small_spaces import SPACE, small_space

from edgehybrid.errors import EdgehybridError, MissingExtraError, UsageError
from edgehybrid.search import study as module
from edgehybrid.search.space import Space
from edgehybrid.search.study import COSTS, CURVE, FAULT, RUN, Study, open_study


@pytest.fixture
def space(tmp_path: Path) -> Space:
    return small_space(tmp_path)


# Trials of workers that are not there are asked for by hand here.
pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage:UserWarning")


def opened(
    space: Space, folder: Path, storage: str | None = None, resumes: bool = False, heartbeat_s: int = 60
) -> Study:
    return open_study(space, storage, folder / "runs", resumes, heartbeat_s)


def tell(study: Study, width: float, top1: float | None, costs: dict[str, float] | None = None) -> int:
    """A trial of that width; pruned without an accuracy."""

    def objective(trial: Any) -> list[float]:
        for name, domain in study.space.domains.items():
            domain.suggest(trial, name)
        trial.set_user_attr(COSTS, costs or {"energy_model_uj": width})
        if top1 is None:
            trial.set_user_attr(FAULT, "limit energy_model_uj")
            raise optuna.TrialPruned
        trial.set_user_attr(CURVE, [top1 / 2, top1])
        return [top1, width]

    study.optuna.enqueue_trial({"network.width": width})
    study.optuna.optimize(objective, n_trials=1)
    return len(study.optuna.trials) - 1


def test_a_study_is_in_the_folder_of_runs_and_gone_on_with_by_resume(space: Space, tmp_path: Path) -> None:
    study = opened(space, tmp_path)
    assert study.created
    tell(study, 0.5, 80.0)
    tell(study, 1.0, None)
    with pytest.raises(UsageError, match="already") as refusal:
        opened(space, tmp_path)
    assert "--resume" in str(refusal.value)
    again = opened(space, tmp_path, resumes=True)
    assert not again.created
    assert [(one.state, one.curve, one.fault) for one in again.trials()] == [
        ("trained", (40.0, 80.0), None),
        ("left out", (), "limit energy_model_uj"),
    ]
    assert again.trials()[0].figures == {"energy_model_uj": 0.5, "top1_percent": 80.0}


def test_a_named_storage_is_joined(space: Space, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.sqlite"
    tell(opened(space, tmp_path, url), 0.5, 80.0)
    joined = opened(space, tmp_path, url)
    assert (joined.created, len(joined.trials())) == (False, 1)


def test_only_networks_of_the_accuracy_asked_for_are_kept(tmp_path: Path) -> None:
    study = opened(small_space(tmp_path, "limits: {top1_percent: 70}"), tmp_path)
    for width, top1 in ((0.25, 60.0), (0.5, 70.0), (1.0, 80.0)):
        tell(study, width, top1)
    assert [one.params["network.width"] for one in study.kept()] == [0.5, 1.0]


def test_refuses_the_study_of_another_space(space: Space, tmp_path: Path) -> None:
    opened(space, tmp_path)
    other = small_space(tmp_path, text=SPACE.replace("0.25, 0.5", "0.5"))
    with pytest.raises(UsageError, match="another space") as refusal:
        opened(other, tmp_path, resumes=True)
    assert "small" in str(refusal.value)


def test_refuses_what_a_later_version_has_made(space: Space, tmp_path: Path) -> None:
    study = opened(space, tmp_path)
    study.remember("edgehybrid", {**study.fact("edgehybrid"), "format": 99, "version": "7.0"})
    with pytest.raises(EdgehybridError, match="later version") as refusal:
        opened(space, tmp_path, resumes=True)
    assert "7.0" in str(refusal.value)


def test_refuses_a_database_of_a_later_optuna(space: Space, tmp_path: Path) -> None:
    opened(space, tmp_path)
    with sqlite3.connect(tmp_path / "runs" / module.FILE) as database:
        database.execute("update alembic_version set version_num = 'v99.0.0'")
        database.execute("update version_info set schema_version = 99")
    with pytest.raises(EdgehybridError, match="version of Optuna"):
        opened(space, tmp_path, resumes=True)
    with sqlite3.connect(tmp_path / "runs" / module.FILE) as database:
        assert database.execute("select count(*) from studies").fetchone() == (1,)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("no database", ["not the URL"]),
        ("mongodb://me:secret@localhost/x", ["not the URL", "me:***@localhost"]),
        ("sqlite:////absent/folder/x.sqlite", ["cannot be used", "unable to open"]),
        ("postgresql://me:secret@127.0.0.1:9/none", ["cannot be used", "127.0.0.1"]),
    ],
)
def test_an_unreachable_database_is_one_message_without_its_password(
    url: str, parts: list[str], space: Space, tmp_path: Path
) -> None:
    with pytest.raises(EdgehybridError) as refusal:
        opened(space, tmp_path, url)
    for part in parts:
        assert part in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_missing_driver_names_the_extra(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"edgehybrid\[search\]"):
        opened(space, tmp_path, "postgresql://me@127.0.0.1:9/none")


def test_the_trial_of_a_dead_worker_is_taken_up_with_what_is_known_of_it(space: Space, tmp_path: Path) -> None:
    study = opened(space, tmp_path, heartbeat_s=1)
    trial = study.optuna.ask({"network.width": optuna.distributions.CategoricalDistribution([0.25, 0.5, 1.0])})
    trial.set_user_attr(RUN, "small_0-run")
    # One sign of life, and then none.
    study.optuna._storage.record_heartbeat(trial._trial_id)
    study.take_up_the_dead()
    assert [one.state for one in study.trials()] == ["running"]
    end = time.monotonic() + 60
    while study.trials()[0].state == "running":
        assert time.monotonic() < end
        time.sleep(0.2)
        study.take_up_the_dead()
    (again,) = study.trials()
    assert (again.number, again.state, again.run) == (1, "waiting", "small_0-run")
    assert again.params == trial.params


def test_an_interrupted_trial_is_put_back_once(space: Space, tmp_path: Path) -> None:
    study = opened(space, tmp_path)
    trial = study.optuna.ask({"network.width": optuna.distributions.CategoricalDistribution([0.25, 0.5, 1.0])})
    study.optuna.tell(trial, state=optuna.trial.TrialState.FAIL)
    study.put_back(0)
    (again,) = study.trials()
    assert (again.number, again.state, again.params) == (1, "waiting", trial.params)


def test_what_has_ended_is_not_put_back(space: Space, tmp_path: Path) -> None:
    study = opened(space, tmp_path)
    study.put_back(tell(study, 0.5, 80.0))
    study.put_back(7)
    assert [one.state for one in study.trials()] == ["trained"]


def test_a_trial_whose_workers_kept_dying_is_given_up_and_says_so(space: Space, tmp_path: Path) -> None:
    study = opened(space, tmp_path)
    trial = study.optuna.ask({"network.width": optuna.distributions.CategoricalDistribution([0.25, 0.5, 1.0])})
    study.optuna.tell(trial, state=optuna.trial.TrialState.FAIL)
    (given_up,) = study.trials()
    assert (given_up.state, given_up.fault) == ("failed", "its workers died 4 times")


def test_a_database_that_breaks_while_it_is_used_is_one_message(space: Space, tmp_path: Path) -> None:
    study = opened(space, tmp_path)
    tell(study, 0.5, 80.0)
    (tmp_path / "runs" / module.FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(EdgehybridError, match="cannot be used"), module.database_errors(study.url):
        tell(study, 1.0, 90.0)
    with pytest.raises(EdgehybridError, match="cannot be used"):
        opened(space, tmp_path, resumes=True)


def test_two_workers_that_begin_at_once_make_one_study(space: Space, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.sqlite"
    found: list[Study] = []
    opened(small_space(tmp_path, text=SPACE.replace("name: small", "name: other")), tmp_path, url)
    workers = [threading.Thread(target=lambda: found.append(opened(space, tmp_path, url))) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 2
    assert len(optuna.get_all_study_names(found[0].optuna._storage)) == 2
