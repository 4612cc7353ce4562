"""One search from beginning to end, with a training that takes no time."""

from pathlib import Path

import pytest
from small_spaces import fake_training, small_space

from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.search import found as module
from edgehybrid.search.found import Wishes, search
from edgehybrid.search.search import Worker


def wishes(**changes: object) -> Wishes:
    given: dict[str, object] = {
        "trials": 3,
        "hours": None,
        "storage": None,
        "resumes": False,
        "screened": 20,
        "device": None,
        "iso": (),
        "out": None,
        "overwrite": False,
        "heartbeat_s": 60,
    }
    return Wishes(**{**given, **changes})  # type: ignore[arg-type]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    train = fake_training(lambda recipe: 50 + 40 * recipe.network.width)
    monkeypatch.setattr(module, "Worker", lambda study, judge, runs, say: Worker(study, judge, runs, say, train))


@pytest.mark.usefixtures("quick")
def test_what_was_found_says_what_was_tried(tmp_path: Path) -> None:
    space, said = small_space(tmp_path), []
    found = search(space, tmp_path / "runs", tmp_path / "results.sqlite", wishes(iso=(50,)), said.append)
    document = found.as_dict()
    assert (document["finished"], document["trained"], document["screened_fit"]) == (True, 3, 20)
    # Their runs hold no weights, so no test image was looked at, and that is said.
    assert len(found.notes) == len(found.front)
    assert document["iso"] == [one.as_dict() for one in found.iso]
    assert "20 of 20 random candidates fit" in said[0]


@pytest.mark.usefixtures("quick")
def test_without_trials_it_only_counts(tmp_path: Path) -> None:
    found = search(small_space(tmp_path), tmp_path / "runs", tmp_path / "r.sqlite", wishes(trials=0), lambda _: None)
    assert (found.finished, found.front) == (True, [])
    assert {one.state for one in found.trials} == {"waiting"}


def test_time_that_is_over_is_not_finished(tmp_path: Path) -> None:
    found = search(small_space(tmp_path), tmp_path / "runs", tmp_path / "r.sqlite", wishes(hours=1e-9), lambda _: None)
    assert not found.finished


def test_a_column_without_its_source_is_refused_before_a_study_is_made(tmp_path: Path) -> None:
    space = small_space(tmp_path, "objectives: [top1_percent, moons_energy_uj]")
    with pytest.raises(UsageError, match="moons"):
        search(space, tmp_path / "runs", tmp_path / "r.sqlite", wishes(), lambda _: None)
    assert not (tmp_path / "runs").exists()


def test_files_that_are_there_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "study.json").write_text("kept")
    with pytest.raises(EdgehybridError, match="exists already"):
        search(small_space(tmp_path), tmp_path / "runs", tmp_path / "r", wishes(out=tmp_path / "out"), lambda _: None)
    assert not (tmp_path / "runs").exists()
    assert (tmp_path / "out" / "study.json").read_text() == "kept"
