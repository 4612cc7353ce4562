"""What is done is not done again, what breaks breaks alone, and no training begins without its images."""

from pathlib import Path

import pytest
from training_records import record_for

from edgehybrid.errors import DataError, EdgehybridError, RunError
from edgehybrid.reproduction import reproduce as module
from edgehybrid.reproduction.record import TrainingRecord
from edgehybrid.reproduction.reproduce import reproduce
from edgehybrid.reproduction.wanted import Wanted, wanted

TRAININGS = wanted(5, 30, 2, (), ("hybrid_res_a", "hybrid_res_b"))


class Images:
    """Stands for the source of images that are all there."""

    def check(self) -> None:
        """Finds nothing wrong."""


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "open_source", lambda data: Images())


class Trainer:
    """Stands for ``work.bring``: remembers what it was asked, and breaks at the training of that number."""

    def __init__(self, breaks_at: int | None = None) -> None:
        self.asked: list[tuple[str, int]] = []
        self._breaks_at = breaks_at

    def __call__(self, one: Wanted) -> TrainingRecord:
        if len(self.asked) == self._breaks_at:
            raise RunError("Another process trains this run.")
        self.asked.append((one.recipe.name, one.recipe.training.seed))
        return record_for(one, top1_percent=50.0 + len(self.asked))


@pytest.mark.usefixtures("images")
def test_trains_each_once(tmp_path: Path) -> None:
    trainer = Trainer()
    found = reproduce(TRAININGS, tmp_path, trainer)
    assert trainer.asked == [("hybrid_res_a", 2), ("hybrid_res_b", 2), ("hybrid_res_a", 3), ("hybrid_res_b", 3)]
    assert [(row.recipe, row.top1_percent) for row in found.rows] == [("hybrid_res_a", 52.0), ("hybrid_res_b", 53.0)]
    again = Trainer()
    assert reproduce(TRAININGS, tmp_path, again) == found
    assert again.asked == []


@pytest.mark.usefixtures("images")
def test_what_was_finished_before_a_failure_is_kept(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        reproduce(TRAININGS, tmp_path, Trainer(breaks_at=2))
    assert len(list((tmp_path / "results").iterdir())) == 2
    assert "| hybrid_res_b | – | 30 of 199 | 1 |" in (tmp_path / "RESULTS.md").read_text()
    trainer = Trainer()
    reproduce(TRAININGS, tmp_path, trainer)
    assert trainer.asked == [("hybrid_res_a", 3), ("hybrid_res_b", 3)]


@pytest.mark.usefixtures("images")
def test_a_card_holds_the_rows_of_other_tables_too(tmp_path: Path) -> None:
    reproduce(wanted(4, 30, 1, (), ("xnor_res",)), tmp_path, Trainer())
    found = reproduce(TRAININGS, tmp_path, Trainer())
    assert {row.recipe for row in found.rows} == {"hybrid_res_a", "hybrid_res_b"}
    assert "## Table 4" in (tmp_path / "RESULTS.md").read_text()


@pytest.mark.usefixtures("images")
def test_more_seeds_are_added_to_those_that_are_there(tmp_path: Path) -> None:
    reproduce(wanted(5, 30, 1, (), ("hybrid_res_a",)), tmp_path, Trainer())
    trainer = Trainer()
    found = reproduce(wanted(5, 30, 3, (), ("hybrid_res_a",)), tmp_path, trainer)
    assert trainer.asked == [("hybrid_res_a", 3), ("hybrid_res_a", 4)]
    assert found.rows[0].seeds == (2, 3, 4)


def test_trains_nothing_without_images(tmp_path: Path) -> None:
    trainer = Trainer()
    with pytest.raises(DataError):
        reproduce(wanted(5, 30, 1, ("data.path=/absent",)), tmp_path / "out", trainer)
    assert trainer.asked == []
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("images")
def test_needs_no_images_where_nothing_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reproduce(TRAININGS, tmp_path, Trainer())
    monkeypatch.undo()
    reproduce(TRAININGS, tmp_path, Trainer())


@pytest.mark.usefixtures("images")
def test_refuses_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    trainer = Trainer()
    with pytest.raises(EdgehybridError, match="The card cannot be written"):
        reproduce(TRAININGS, tmp_path / "out", trainer)
    assert trainer.asked == []
