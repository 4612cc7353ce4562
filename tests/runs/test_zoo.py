"""The zoo: what ``zoo:NAME`` means, and that what is shipped is whole, small and as accurate as it says."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from edgehybrid.errors import RunError
from edgehybrid.evaluate import evaluate_flatbuffer
from edgehybrid.recipe import load_recipe, recipe_names
from edgehybrid.runs import zoo
from edgehybrid.runs.artefact import find_artefact, open_artefact
from edgehybrid.runs.checkpoint import read_record
from edgehybrid.runs.evaluation import evaluation_of
from edgehybrid.runs.run_folder import find_run, open_run, run_of_row
from edgehybrid.runs.sidecar import flatbuffers_in
from edgehybrid.runs.zoo import is_of_zoo, name_of, zoo_entry, zoo_folder, zoo_names

MOST_BYTES = 12_000_000
ENTRIES = sorted(zoo_names().values())


def test_a_name_is_that_of_the_recipe() -> None:
    assert name_of(Path("hybrid_res_a_x1.5-20260102T030405Z-0a1b2c")) == "hybrid_res_a_x1.5"
    assert name_of(Path("ern-cifar64-20260102T030405Z-0a1b2c")) == "ern-cifar64"
    assert name_of(Path("renamed")) is None
    assert is_of_zoo("zoo:digits")
    assert not is_of_zoo("zoo/digits")


def test_a_network_with_and_without_format() -> None:
    folder, file_format = zoo_entry("zoo:digits")
    assert (folder.parent, file_format) == (zoo_folder(), None)
    assert zoo_entry("zoo:digits:int8") == (folder, "int8")


def test_refuses_a_network_that_is_not_there() -> None:
    with pytest.raises(RunError, match="Did you mean 'digits'") as raised:
        zoo_entry("zoo:digit")
    assert "zoo:digits" in str(raised.value)


def test_an_empty_zoo_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "recipes_folder", lambda: tmp_path)
    assert zoo_names() == {}
    with pytest.raises(RunError, match="it is empty"):
        zoo_entry("zoo:digits")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_model_is_one_for_the_machine(machine: str, tmp_path: Path) -> None:
    assert find_artefact(tmp_path, "zoo:digits", machine).path.name == f"model.packed.{machine}.tflite"
    assert find_artefact(tmp_path, "zoo:digits:packed", machine).path.name == f"model.packed.{machine}.tflite"


@pytest.mark.parametrize("newest", ["float32", "int8"])
def test_a_name_means_the_format_that_was_trained_whatever_is_newest(
    newest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(zoo_folder(), tmp_path / "zoo")
    monkeypatch.setattr(zoo, "recipes_folder", lambda: tmp_path)
    for path in zoo_entry("zoo:float_res")[0].glob("model.*.tflite"):
        seconds = 2e9 if path.name.startswith(f"model.{newest}") else 1e9
        os.utime(path, (seconds, seconds))
    assert find_artefact(tmp_path, "zoo:float_res", "aarch64").path.name == "model.float32.aarch64.tflite"
    assert find_artefact(tmp_path, "zoo:float_res:int8", "aarch64").path.name == "model.int8.aarch64.tflite"


def test_refuses_a_format_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no flatbuffer of this format"):
        find_artefact(tmp_path, "zoo:digits:int4")


def test_a_run_of_the_zoo_is_found_by_either_name(tmp_path: Path) -> None:
    run = find_run(tmp_path, "zoo:digits")
    assert run_of_row(tmp_path, run.name) == run
    # One of the same name below the folder of runs goes first.
    (tmp_path / run.name).mkdir()
    with pytest.raises(RunError, match="not a run folder"):
        run_of_row(tmp_path, run.name)


def test_no_recipe_has_the_name_of_a_run() -> None:
    assert not [name for name in recipe_names() if name.startswith("zoo")]


def test_the_zoo_is_small() -> None:
    assert sum(path.stat().st_size for path in zoo_folder().rglob("*") if path.is_file()) <= MOST_BYTES


@pytest.mark.parametrize("folder", ENTRIES, ids=lambda folder: name_of(folder))
def test_an_entry_is_whole(folder: Path) -> None:
    run = open_run(folder)
    assert read_record(run).epoch == run.recipe.training.epochs == run.epochs()[-1].epoch
    assert run.recipe.data.path is None
    found = flatbuffers_in(folder)
    assert {path.suffixes[-2] for path in found} == {".x86_64", ".aarch64"}
    for path in found:
        artefact = open_artefact(path)
        assert artefact.sidecar.run == run.name
        assert artefact.sidecar.recipe_sha256 == run.recipe_sha256
        assert artefact.sidecar.checkpoint_sha256 == read_record(run).sha256
        evaluation = evaluation_of(artefact)
        assert evaluation is not None
        # Rounding may put an image on the other side of a threshold: the flatbuffer's accuracy is not quite Keras'.
        last = run.epochs()[-1].top1_percent
        assert last is not None
        assert evaluation.top1_percent == pytest.approx(last, abs=0.5)
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
    assert len(hashes) == len(found) / 2, "one for each format: nothing but the name tells the processor"


def test_nothing_of_a_machine_is_shipped() -> None:
    for path in zoo_folder().rglob("*.json*"):
        # A path from the root, as a JSON string would begin with it.
        assert '"/' not in path.read_text()


def test_the_network_of_digits_is_as_accurate_as_it_says(tmp_path: Path) -> None:
    artefact = find_artefact(tmp_path, "zoo:digits")
    evaluation = evaluation_of(artefact)
    assert evaluation is not None
    assert evaluate_flatbuffer(artefact).top1_percent == evaluation.top1_percent


@pytest.mark.parametrize("folder", ENTRIES, ids=lambda folder: name_of(folder))
def test_networks_of_cifar100_are_as_accurate_as_they_say(folder: Path, tmp_path: Path) -> None:
    if open_run(folder).recipe.data.dataset != "cifar100":
        pytest.skip("of other images")
    if "EDGEHYBRID_DATA" not in os.environ:
        pytest.skip("needs CIFAR-100 in the folder that EDGEHYBRID_DATA names")
    for path in (path for path in flatbuffers_in(folder) if ".x86_64" in path.suffixes):
        artefact = open_artefact(path)
        evaluation = evaluation_of(artefact)
        assert evaluation is not None
        # Float parts may be rounded otherwise on other processors: of 10,000 images, a few lie on a threshold.
        assert evaluate_flatbuffer(artefact).top1_percent == pytest.approx(evaluation.top1_percent, abs=0.1)


def test_the_recipes_of_the_zoo_are_shipped_recipes() -> None:
    for folder in ENTRIES:
        recipe = open_run(folder).recipe
        assert load_recipe(recipe.name).network == recipe.network
