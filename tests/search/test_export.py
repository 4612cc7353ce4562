"""Files of a study: every trial is in them, and the front's recipes can be trained as they are."""

import csv
import io
import json
from pathlib import Path

import pytest
from small_spaces import SPACE, fake_training, judge_of, small_space

from edgehybrid.cost import cost_of
from edgehybrid.cost.rules import FULL
from edgehybrid.errors import EdgehybridError
from edgehybrid.recipe import load_recipe
from edgehybrid.search.columns import CostModel, sampled_objectives
from edgehybrid.search.export import CSV_FILE, JSON_FILE, published_networks, trial_rows, write_study
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
    return study.space, write_study(out, study.space, rows, [], overwrite)


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


def test_the_papers_networks_cost_what_the_study_counts(tmp_path: Path) -> None:
    text = SPACE.replace("  dataset: digits\n  image_side: 8\n", "  dataset: cifar100\n")
    space = small_space(tmp_path, "rules: full", text)
    found, notes = published_networks(space, CostModel(space.settings, tmp_path))
    of_a = next(one for one in found if one["recipe"] == "hybrid_res_a")
    assert of_a["top1_percent"] == 53.09
    assert of_a["costs"]["energy_model_uj"] == cost_of(load_recipe("hybrid_res_a"), FULL).network.energy_uj
    assert notes == []
    digits = small_space(tmp_path)
    assert published_networks(digits, CostModel(digits.settings, tmp_path)) == ([], [])
