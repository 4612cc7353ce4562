"""The family of Moons et al. through the whole chain, with random weights: bits, fixed-point numbers, and the twin."""

from pathlib import Path
from typing import get_args

import pytest
from tiny_runs import random_model, random_run

from converters import pipeline
from converters.pipeline import convert
from edgehybrid.census.formats import Format
from edgehybrid.cost.flatbuffer_cost import cost_of_flatbuffer
from edgehybrid.errors import ConversionError, DataError
from edgehybrid.flatbuffer import parse_flatbuffer, read_flatbuffer
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.run_folder import RunFolder

SMALL = ("network.block_filters=[32, 32, 64]", "data.image_side=8")


@pytest.fixture(autouse=True)
def no_data_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise DataError("There are no images.")

    monkeypatch.setattr(pipeline, "open_source", missing)


def run_of(folder: Path, name: str, *overrides: str) -> RunFolder:
    return random_run(folder, load_recipe(f"moons/{name}", [*SMALL, *overrides]))


@pytest.mark.parametrize("name", ["binary_1x64", "4bit_1x64"])
@pytest.mark.parametrize("file_format", get_args(Format))
def test_a_network_converts_to_every_format_and_agrees(name: str, file_format: Format, tmp_path: Path) -> None:
    result = convert(run_of(tmp_path, name), "x86_64", file_format, images=8)
    packed = {row.split("_plane")[0] for row, found in result.layers.items() if found.precision == "packed"}
    assert packed == ({"conv2", "conv3"} if file_format.startswith("packed") else set())
    if file_format in ("packed", "float32"):
        assert (result.top1_agreement_percent, result.near_zero_flips) == (100, 0)


@pytest.mark.parametrize(("bits", "products"), [(1, 1), (2, 3), (3, 4 * 3), (4, 5 * 7)])
def test_bits_become_products_of_planes(bits: int, products: int, tmp_path: Path) -> None:
    overrides = [f"network.placement.{part}_bits={bits}" for part in ("weight", "activation")]
    run = run_of(tmp_path, "4bit_1x64", *overrides)
    result = convert(run, "x86_64", "packed", images=4)
    assert sum(row.precision == "packed" for row in result.layers.values()) == 2 * products


@pytest.mark.parametrize("bits", [5, 8])
def test_more_bits_than_planes_are_worth_are_refused_with_a_way_out(bits: int, tmp_path: Path) -> None:
    run = run_of(tmp_path, "4bit_1x64", *(f"network.placement.{part}_bits={bits}" for part in ("weight", "activation")))
    with pytest.raises(ConversionError, match=f"'conv2' was to be {bits}-bit weights") as refused:
        convert(run, "x86_64", "packed", images=4)
    assert "--format float32" in str(refused.value.next_step)
    assert convert(run, "x86_64", "float32", images=4).top1_agreement_percent == 100


def test_weights_of_which_a_filter_is_0_alone_are_planes_all_the_same(tmp_path: Path) -> None:
    from converters.export import export
    from converters.pack import pack
    from converters.placement_check import check_placement
    from edgehybrid.networks import network_of

    recipe = load_recipe("moons/4bit_1x64", [*SMALL])
    model = random_model(recipe)
    kernel = model.get_layer("conv2").latent_kernel
    kernel.assign(kernel.numpy() * [0, *[1] * 31])
    content, left, _ = pack(export(model, "packed"))
    # The classifier alone, whose weights are in full precision.
    assert [each.is_half for each in left] == [True]
    check_placement(network_of(recipe), model, parse_flatbuffer(content, "a model"), "packed")


def test_the_cost_of_a_file_is_that_of_what_it_holds(tmp_path: Path) -> None:
    run = run_of(tmp_path, "4bit_1x64")
    result = convert(run, "x86_64", "packed", images=4)
    layers = cost_of_flatbuffer(read_flatbuffer(run.path / result.model)).network.layers
    bits = [(each.layer.weight_bits, each.layer.activation_bits) for each in layers]
    assert bits == [(32, 32), (4, 3), (4, 3), (32, 32)]
