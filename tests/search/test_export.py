"""Files of a study: every trial is in them, and the front's recipes can be trained as they are."""

import csv
import io
import json
from pathlib import Path

import pytest
from small_spaces import fake_training, judge_of, small_space

from edgehybrid.errors import EdgehybridError
from edgehybrid.recipe import load_recipe
from edgehybrid.search.columns import sampled_objectives
from edgehybrid.search.export import CSV_FILE, JSON_FILE, trial_rows, write_study
from edgehybrid.search.finish import Member
from edgehybrid.search.front import front_of
from edgehybrid.search.search import Worker
from edgehybrid.search.space import Space
from edgehybrid.search.study import Study, open_study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    space = small_space(tmp_path, "limits: {energy_model_uj: 2.5}")
    found = open_study(space, None, tmp_path / "runs", resumes=True)
    worker = Worker(
        found, judge_of(space), tmp_path / "runs", lambda _: None, fake_training(lambda r: 50 + 40 * r.network.width)
    )
    worker.begin(20)
    worker.run(4, float("inf"))
    return found


def written(study: Study, out: Path, overwrite: bool = False) -> tuple[Space, list[Path]]:
    front = front_of(study.kept(), sampled_objectives(study.space.settings))
    rows = trial_rows(study.space, study.trials(), [Member(one, 77.0) for one in front])
    return study.space, write_study(out, study.space, rows, overwrite)


def test_every_trial_is_in_both_files(study: Study, tmp_path: Path) -> None:
    space, recipes = written(study, tmp_path / "out")
    document = json.loads((tmp_path / "out" / JSON_FILE).read_text())
    table = list(csv.DictReader(io.StringIO((tmp_path / "out" / CSV_FILE).read_text())))
    trials = study.trials()
    assert [row["trial"] for row in document["trials"]] == [one.number for one in trials]
    assert [int(row["trial"]) for row in table] == [one.number for one in trials]
    for row, flat, one in zip(document["trials"], table, trials, strict=True):
        assert row["costs"] == one.costs
        assert row["state"] == flat["state"] == one.state
        if one.state == "trained":
            assert row["top1_validation_percent"] == one.curve[-1] == float(flat["top1_validation_percent"])
            assert len(row["top1_validation_percent_by_epoch"]) == 4
            assert row["recipe"]["network"]["width"] == one.params["network.width"]
            assert row["recipe_sha256"] == space.recipe(one.params, one.number).sha256
    assert recipes


def test_the_recipes_of_the_front_are_those_that_were_trained(study: Study, tmp_path: Path) -> None:
    space, recipes = written(study, tmp_path / "out")
    front = {
        one.number: space.recipe(one.params, one.number)
        for one in front_of(study.kept(), sampled_objectives(space.settings))
    }
    found = [load_recipe(path) for path in recipes]
    assert sorted(one.sha256 for one in found) == sorted(one.sha256 for one in front.values())


def test_existing_files_are_kept_without_overwrite(study: Study, tmp_path: Path) -> None:
    written(study, tmp_path / "out")
    before = (tmp_path / "out" / JSON_FILE).read_bytes()
    with pytest.raises(EdgehybridError, match="exists already"):
        written(study, tmp_path / "out")
    assert (tmp_path / "out" / JSON_FILE).read_bytes() == before
    written(study, tmp_path / "out", overwrite=True)


def test_a_folder_that_cannot_be_written_is_one_message(study: Study, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgehybridError, match="cannot be written"):
        written(study, tmp_path / "file" / "out")
