"""Records of trainings: written, read, and found again."""

import json
from pathlib import Path

import pytest
from training_records import record_for, training_of

from edgehybrid.errors import RunError
from edgehybrid.reproduction.record import TrainingRecord, file_name, read_records, record_of, sha256_of, to_json
from edgehybrid.reproduction.wanted import Wanted

ONE = training_of("hybrid_res_a", 5, epochs=30)


def written(folder: Path, record: TrainingRecord) -> Path:
    path = folder / file_name(record.recipe, record.seed, record.epochs, record.recipe_sha256)
    path.write_bytes(to_json(record))
    return path


def test_reads_what_it_wrote(tmp_path: Path) -> None:
    record = record_for(ONE)
    path = written(tmp_path, record)
    assert path.name == f"hybrid_res_a-seed2-30epochs-{record.recipe_sha256[:8]}.json"
    assert read_records(tmp_path) == {path: record}


def test_no_folder_has_no_records(tmp_path: Path) -> None:
    assert read_records(tmp_path / "absent") == {}


def test_finds_a_training_wherever_its_images_lay() -> None:
    elsewhere = training_of("hybrid_res_a", 5, epochs=30, sets=("data.path=/elsewhere",))
    assert record_of(elsewhere.recipe, [record_for(ONE)]) is not None


@pytest.mark.parametrize(
    "other",
    [
        training_of("hybrid_res_a", 5, epochs=31),
        training_of("hybrid_res_a", 5, epochs=30, seed=1),
        training_of("hybrid_res_a", 5, epochs=30, sets=("training.precision=bfloat16",)),
        training_of("hybrid_res_b", 5, epochs=30),
    ],
    ids=["epochs", "seed", "a field", "network"],
)
def test_another_training_has_another_record(other: Wanted) -> None:
    assert record_of(other.recipe, [record_for(ONE)]) is None


def earlier(record: TrainingRecord, **training: object) -> TrainingRecord:
    """As a version wrote it that had no ``training.memory``, and had these fields."""
    resolved = json.loads(json.dumps(record.resolved))
    del resolved["training"]["memory"]
    resolved["training"].update(training)
    return record.model_copy(update={"resolved": resolved, "recipe_sha256": sha256_of(resolved)})


def test_a_record_outlives_new_fields_of_recipes(tmp_path: Path) -> None:
    before = earlier(record_for(ONE))
    written(tmp_path, before)
    assert record_of(ONE.recipe, read_records(tmp_path).values()) == before


def test_a_record_with_a_field_of_the_past_stays_and_answers_for_nothing(tmp_path: Path) -> None:
    written(tmp_path, earlier(record_for(ONE), bygone=1))
    records = read_records(tmp_path)
    assert len(records) == 1
    assert record_of(ONE.recipe, records.values()) is None


def test_refuses_a_record_of_another_recipe(tmp_path: Path) -> None:
    path = written(tmp_path, record_for(ONE))
    path.write_text(path.read_text().replace('"batch_size": 100', '"batch_size": 99'))
    with pytest.raises(RunError, match="not that of its recipe"):
        read_records(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"recipe": 3}'])
def test_refuses_a_damaged_record(content: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(RunError, match="damaged"):
        read_records(tmp_path)
