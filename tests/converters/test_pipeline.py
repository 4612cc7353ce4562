"""From a run folder to a flatbuffer and its sidecar."""

import hashlib
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import random_run, tiny_recipe, unfinish

from converters import pipeline
from converters.pack import Packed
from converters.pipeline import convert
from edgehybrid.census.flatbuffer_layers import count_flatbuffer
from edgehybrid.census.formats import Format
from edgehybrid.census.operators import census
from edgehybrid.cost import cost_of_network
from edgehybrid.cost.flatbuffer_cost import cost_of_flatbuffer
from edgehybrid.data.source import open_source
from edgehybrid.errors import ConversionError, DataError, EdgehybridError
from edgehybrid.evaluate import evaluate_flatbuffer
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.networks import float_twin, network_of
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.artefact import open_artefact
from edgehybrid.runs.checkpoint import read_record
from edgehybrid.runs.run_folder import RunFolder, open_run
from edgehybrid.runs.sidecar import Sidecar, flatbuffers_in, read_sidecar

PACKED = "model.packed.x86_64.tflite"
KEYS = (
    "model",
    "model_sha256",
    "target",
    "format",
    "size_bytes",
    "packed_layers",
    "float_layers",
    "images",
    "verified_on",
    "top1_agreement_percent",
    "max_abs_difference",
    "near_zero_flips",
    "warnings",
)


@pytest.fixture
def run(converted_run: RunFolder, tmp_path: Path) -> RunFolder:
    copy = tmp_path / converted_run.name
    shutil.copytree(converted_run.path, copy)
    return open_run(copy)


def sidecar_of(run: RunFolder, file_format: str = "packed") -> Sidecar:
    return read_sidecar(run.path / f"model.{file_format}.x86_64.tflite")


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def missing(*_: object, **__: object) -> None:
    raise DataError("There are no images.")


@pytest.mark.parametrize("file_format", ["packed", "float32"])
def test_the_sidecar_has_the_keys_of_the_command(converted_run: RunFolder, file_format: str) -> None:
    assert set(KEYS) <= set(Sidecar.model_fields)
    assert sidecar_of(converted_run, file_format).format == file_format


def test_the_sidecar_names_its_flatbuffer_and_its_origin(converted_run: RunFolder) -> None:
    content = (converted_run.path / PACKED).read_bytes()
    sidecar = sidecar_of(converted_run)
    assert sidecar.model_sha256 == hashlib.sha256(content).hexdigest()
    assert sidecar.size_bytes == len(content)
    assert sidecar.recipe_sha256 == converted_run.recipe_sha256
    assert sidecar.checkpoint_sha256 == read_record(converted_run).sha256
    assert sidecar.run == converted_run.name


def test_every_layer_is_in_the_promised_form(converted_run: RunFolder) -> None:
    # 22 layers; first, last and two shortcuts stay in full precision.
    packed, float32 = sidecar_of(converted_run), sidecar_of(converted_run, "float32")
    assert (packed.packed_layers, packed.float_layers) == (18, 4)
    assert (float32.packed_layers, float32.float_layers) == (0, 22)


def test_the_sidecar_tells_what_the_flatbuffer_holds(converted_run: RunFolder) -> None:
    names = {row.name for row in census(read_flatbuffer(converted_run.path / PACKED))}
    assert {layer.name for layer in sidecar_of(converted_run).layers.values()} == names


def test_packing_makes_the_file_smaller(converted_run: RunFolder) -> None:
    assert sidecar_of(converted_run).size_bytes < sidecar_of(converted_run, "float32").size_bytes


def test_warns_of_words_that_are_not_full(converted_run: RunFolder) -> None:
    # 4, 8 and 16 channels do not fill words of 32.
    (warning,) = sidecar_of(converted_run).warnings
    assert "no multiple of 32" in warning
    assert sidecar_of(converted_run, "float32").warnings == ()


def test_warns_of_a_training_that_is_not_finished(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    old = (run.path / PACKED).read_bytes()
    monkeypatch.setattr(pipeline, "pack", lambda *_: Packed(old, [], []))
    unfinish(run.path, epoch=1, step=2)
    result = convert(run, "x86_64", "packed", images=3, overwrite=True)
    epochs = run.recipe.training.epochs
    assert f"1 of {epochs} epochs, and 2 steps" in result.warnings[0]
    assert (result.epochs, sidecar_of(run).warnings) == (1, result.warnings)


def test_refuses_to_replace_a_flatbuffer(run: RunFolder) -> None:
    before = content_of(run.path)
    with pytest.raises(ConversionError, match="exists already"):
        convert(run, "x86_64", "packed")
    assert content_of(run.path) == before


def test_a_failed_check_writes_nothing(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    old = (run.path / PACKED).read_bytes()
    before = content_of(run.path)

    def fail(*_: object) -> None:
        raise ConversionError("The flatbuffer does not compute what the Keras model computes.")

    monkeypatch.setattr(pipeline, "export", lambda *_: old)
    monkeypatch.setattr(pipeline, "verify", fail)
    with pytest.raises(ConversionError, match="does not compute"):
        convert(run, "x86_64", "packed", overwrite=True)
    assert content_of(run.path) == before


def test_overwrite_replaces_flatbuffer_and_sidecar(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    old = (run.path / PACKED).read_bytes()
    monkeypatch.setattr(pipeline, "export", lambda *_: old)
    result = convert(run, "x86_64", "packed", images=3, overwrite=True)
    assert result.images == 3
    assert sidecar_of(run) == result


def test_without_test_images_it_compares_on_scanned_digits_and_says_so(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (run.path / PACKED).read_bytes()
    monkeypatch.setattr(pipeline, "export", lambda *_: old)
    monkeypatch.setattr(pipeline, "open_source", missing)
    result = convert(run, "x86_64", "packed", images=5, overwrite=True)
    assert result.verified_on == "substitute"
    assert result.images == 5
    assert any("scanned digits" in warning and "There are no images." in warning for warning in result.warnings)


@pytest.mark.parametrize("file_format", ["float32", "int8"])
def test_the_twin_of_a_hybrid_run_is_a_rival_without_accuracy(run: RunFolder, file_format: Format) -> None:
    result = convert(run, "x86_64", file_format, images=20, twin=file_format == "float32")
    assert result.model == f"model.twin_{file_format}.x86_64.tflite"
    assert (result.twin, result.checkpoint_sha256, result.epochs) == (True, None, 0)
    assert result.recipe == float_twin(run.recipe)
    assert {row.precision for row in result.layers.values()} == {file_format}
    assert any("it has no accuracy" in warning for warning in result.warnings)
    # BatchNorm is folded, or left out where no converter could fold it.
    assert "MUL" not in {op.name for op in read_flatbuffer(run.path / result.model).ops}
    assert flatbuffers_in(run.path)[0].name != result.model
    with pytest.raises(EdgehybridError, match="not trained"):
        evaluate_flatbuffer(open_artefact(run.path / result.model))


def test_the_twin_of_a_run_is_the_same_each_time(run: RunFolder) -> None:
    first, again = (convert(run, "x86_64", "float32", 20, overwrite=True, twin=True) for _ in range(2))
    assert first.model_sha256 == again.model_sha256


def test_a_twin_has_nothing_to_pack(run: RunFolder) -> None:
    before = content_of(run.path)
    with pytest.raises(ConversionError, match="nothing to pack"):
        convert(run, "x86_64", "packed", twin=True)
    assert content_of(run.path) == before


def test_conversion_is_reproducible_byte_for_byte(run: RunFolder) -> None:
    first, again = (convert(run, "x86_64", "packed", 5, overwrite=True) for _ in range(2))
    assert first.model_sha256 == again.model_sha256


def test_the_flatbuffer_names_its_recipe(run: RunFolder) -> None:
    result = convert(run, "aarch64", "packed", 5, overwrite=True)
    content = (run.path / result.model).read_bytes()
    assert pipeline.RECIPE_METADATA.encode() in content
    assert run.recipe_sha256.encode() in content


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return random_run(tmp_path_factory.mktemp("runs"), float_twin(tiny_recipe("data.validation_images=100")))


def test_the_twin_converts_to_int8_and_nothing_of_it_stays_in_float32(twin: RunFolder) -> None:
    result = convert(twin, "x86_64", "int8", images=20)
    assert {row.precision for row in result.layers.values()} == {"int8"}
    assert (result.packed_layers, result.float_layers, result.warnings) == (0, 0, ())
    flatbuffer = read_flatbuffer(twin.path / result.model)
    wide = [tensor.type_name for tensor in flatbuffer.tensors].count("float32")
    ends = [flatbuffer.tensors[index].type_name for index in (*flatbuffer.inputs, *flatbuffer.outputs)]
    # Read and given as by the other formats; all between is integers.
    assert (ends, wide) == (["float32", "float32"], 2)


def test_the_census_counts_int8_layers_as_those_of_the_network(twin: RunFolder) -> None:
    result = convert(twin, "aarch64", "int8", images=20)
    count = count_flatbuffer(read_flatbuffer(twin.path / result.model))
    assert [stored.layer.macs for stored in count.layers] == [layer.macs for layer in network_of(twin.recipe)]
    cost = cost_of_flatbuffer(read_flatbuffer(twin.path / result.model), sidecar=result).network
    assert cost.energy_uj < cost_of_network(network_of(twin.recipe)).energy_uj


def test_int8_is_quantised_by_training_images_never_by_test_images(
    twin: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    class StoppedError(Exception):
        pass

    def stop(*arguments: Any) -> None:
        given.extend(arguments)
        raise StoppedError

    monkeypatch.setattr(pipeline, "export", stop)
    with pytest.raises(StoppedError):
        convert(twin, "x86_64", "int8", overwrite=True)
    source = open_source(twin.recipe.data)
    (expected, _), *_ = source.evaluation_batches("training", 100, limit=100)
    assert np.array_equal(given[-1], expected)


def test_without_training_images_int8_is_quantised_by_scanned_digits_and_says_so(
    twin: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "open_source", missing)
    result = convert(twin, "x86_64", "int8", images=20, overwrite=True)
    assert [warning.split(",")[0] for warning in result.warnings] == [
        "Quantised by 100 scanned digits",
        "Compared on 20 scanned digits",
    ]


def test_full_precision_layers_of_a_packed_network_become_int8(run: RunFolder) -> None:
    result = convert(run, "x86_64", "packed_int8", images=20)
    assert result.model == "model.packed_int8.x86_64.tflite"
    assert [row.precision for row in result.layers.values()].count("int8") == 4
    assert (result.packed_layers, result.float_layers) == (18, 0)
    assert result.top1_drop_points is not None
    flatbuffer = read_flatbuffer(run.path / result.model)
    energies = [
        cost_of_flatbuffer(each, sidecar=of_file).network.energy_uj
        for each, of_file in ((flatbuffer, result), (read_flatbuffer(run.path / PACKED), sidecar_of(run)))
    ]
    assert energies[0] < energies[1]


def test_halves_of_split_layers_stay_in_float32(tmp_path: Path) -> None:
    split = random_run(tmp_path, tiny_recipe("network.placement.float_fraction=0.5"))
    result = convert(split, "x86_64", "packed_int8", images=20)
    assert Counter(row.precision for row in result.layers.values()) == {"packed": 18, "float32": 18, "int8": 4}


@pytest.mark.parametrize("which", ["run", "twin"])
def test_int8_that_costs_too_much_accuracy_is_refused(which: str, request: pytest.FixtureRequest) -> None:
    """No flatbuffer is more accurate than Keras by 100 points."""
    run: RunFolder = request.getfixturevalue(which)
    before = content_of(run.path)
    with pytest.raises(ConversionError, match="less accurate than the Keras model"):
        convert(run, "x86_64", "packed_int8" if which == "run" else "int8", 20, overwrite=True, max_drop_points=-101)
    assert content_of(run.path) == before


def test_the_drop_of_accuracy_is_that_of_the_images_compared(run: RunFolder) -> None:
    exact = convert(run, "x86_64", "float32", images=100, overwrite=True)
    assert (exact.top1_drop_points, exact.verified_on) == (0.0, "test")
    ran = exact.verified_with
    assert ran is not None
    assert ran.threads == 1
    assert ran.graph_nodes > 0
    assert convert(run, "x86_64", "int8", images=20).top1_drop_points is None  # the twin, which is not trained


def test_a_flatbuffer_of_the_wrong_form_is_refused(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    float32 = (run.path / "model.float32.x86_64.tflite").read_bytes()
    monkeypatch.setattr(pipeline, "pack", lambda *_: Packed(float32, [], []))
    with pytest.raises(ConversionError, match="was to be packed but is float32"):
        convert(run, "aarch64", "packed")
    assert not list(run.path.glob("*aarch64*"))


@pytest.mark.parametrize("float_filter_input", ["real", "sign"])
@pytest.mark.slow
def test_split_layers_convert_and_agree(tmp_path: Path, float_filter_input: str) -> None:
    recipe = tiny_recipe(
        "network.placement.float_fraction=0.25", f"network.placement.float_filter_input={float_filter_input}"
    )
    result = convert(random_run(tmp_path, recipe), "x86_64", images=20)
    # 18 convolutions in two parts each, the shortcuts are placed in full precision by the recipe.
    assert (result.packed_layers, result.float_layers) == (18, 18 + 4)


STANDARDISED = ("network.standardise_weights=true", "training.latent_weights.clip=false")
SWITCHES = ("network.thresholds=learned", "network.activation=rprelu", *STANDARDISED)
POOL = ("network.shortcut_pool=true",)
BRANCH = ("network.activation_place=branch",)


def test_a_network_with_every_switch_packs_and_agrees(tmp_path: Path) -> None:
    result = convert(random_run(tmp_path, tiny_recipe(*SWITCHES)), "x86_64", "packed", images=20)
    assert (result.packed_layers, result.float_layers) == (18, 4)
    # One PRELU for each of the 19 RPReLUs: after conv1, and two a block.
    operators = [op.name for op in read_flatbuffer(tmp_path / result.run / result.model).ops]
    assert operators.count("PRELU") == 1 + 2 * 9


@pytest.mark.parametrize("file_format", ["packed", "packed_int8", "float32"])
def test_a_network_of_levels_converts_and_agrees(tmp_path: Path, file_format: Format) -> None:
    recipe = load_recipe(
        "ern/cifar16",
        ["data.dataset=digits", "data.mean=[0]", "data.std=[1]", "network.ern.stages=[8, 16]", "data.image_side=8"],
    )
    run = random_run(tmp_path, recipe)
    sidecar = convert(run, "x86_64", file_format, images=20)
    assert sidecar.packed_layers == (0 if file_format == "float32" else len(network_of(recipe).layers))
    assert sidecar.top1_agreement_percent >= 95
    evaluation = evaluate_flatbuffer(open_artefact(run.path / sidecar.model))
    assert evaluation.images == 360


@pytest.mark.parametrize("file_format", ["packed", "float32"])
@pytest.mark.parametrize(
    "switches",
    [SWITCHES[:1], SWITCHES[1:2], STANDARDISED, BRANCH, POOL, (*SWITCHES, *BRANCH, *POOL)],
    ids=["thresholds", "rprelu", "standardised", "branch", "pool", "all"],
)
@pytest.mark.slow
def test_switches_convert_and_agree(tmp_path: Path, switches: tuple[str, ...], file_format: Any) -> None:
    result = convert(random_run(tmp_path, tiny_recipe(*switches)), "x86_64", file_format, images=20)
    assert result.packed_layers == (18 if file_format == "packed" else 0)


@pytest.mark.slow
def test_thresholds_of_split_layers_convert_and_agree(tmp_path: Path) -> None:
    recipe = tiny_recipe("network.placement.float_fraction=0.25", *SWITCHES)
    result = convert(random_run(tmp_path, recipe), "x86_64", images=20)
    assert (result.packed_layers, result.float_layers) == (18, 18 + 4)


@pytest.mark.parametrize("file_format", ["packed", "float32"])
@pytest.mark.slow
def test_vgg_with_every_switch_converts_and_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: Any
) -> None:
    monkeypatch.setattr(pipeline, "open_source", missing)
    recipe = load_recipe("xnor_vgg", ["network.width=0.03125", "network.shortcut=every_convolution", *SWITCHES])
    result = convert(random_run(tmp_path, recipe), "x86_64", file_format, images=20)
    # 19 layers and three shortcuts; first and last in full precision.
    assert result.packed_layers == (20 if file_format == "packed" else 0)


@pytest.mark.slow
def test_a_threshold_after_batch_norm_becomes_part_of_the_convolution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "open_source", missing)
    run = random_run(tmp_path, load_recipe("xnor_vgg", ["network.width=0.03125", "network.thresholds=learned"]))
    result = convert(run, "x86_64", images=20)
    names = [op.name for op in read_flatbuffer(run.path / result.model).ops]
    # Subtracted and quantised apart: the maps after the five pools. conv1's map, in full precision, is quantised apart.
    assert (names.count("LceQuantize"), names.count("SUB")) == (5 + 1, 5)


@pytest.mark.slow
def test_vgg_converts_and_agrees_without_its_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "open_source", missing)
    recipe = load_recipe("xnor_vgg", ["network.width=0.03125"])
    result = convert(random_run(tmp_path, recipe), "x86_64", images=20)
    # 19 layers; first and last in full precision.
    assert (result.packed_layers, result.float_layers) == (17, 2)
