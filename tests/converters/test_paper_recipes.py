"""Every recipe of the paper in every format: it converts, agrees with Keras, and is as large as its numbers are."""

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from tiny_runs import random_model, random_run

from converters import pipeline
from converters.pipeline import convert
from edgehybrid.census.formats import Format
from edgehybrid.errors import DataError
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.networks import FLOAT_BITS, Network, network_of
from edgehybrid.recipe import load_recipe, recipe_names
from edgehybrid.runs.run_folder import RunFolder

PAPER = [name for name in recipe_names() if load_recipe(name).published]
# Of an operator: its tables and names.
STRUCTURE_BYTES = 215
WORD_BITS = 32
# What the parts of a layer are called behind its name.
PARTS = re.compile("_plane[0-9]+$|_quantised$")


def modelled_bytes(network: Network) -> int:
    """Weights, packed in whole words for each pixel of a filter and once for each of its bit planes; and the two
    vectors of each BatchNorm. A filter's alpha is part of the first one of the BatchNorm behind it.
    """
    bits = 0
    for layer in network:
        words = -(-layer.in_channels // WORD_BITS)
        bits += layer.float_filters * FLOAT_BITS * layer.weights // layer.out_channels
        if not layer.is_float:
            bits += layer.quantised_filters * layer.weight_bits * words * WORD_BITS * layer.kernel_side**2
    channels = {"image": network.image_channels}
    for node in network.graph:
        channels[node.name] = network.layer(node.name).out_channels if node.op == "layer" else channels[node.inputs[0]]
        bits += 2 * FLOAT_BITS * channels[node.name] if node.op == "batch_norm" else 0
    return bits // 8


@pytest.fixture
def run(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """With random weights, and without the data sets."""

    def missing(*_: object, **__: object) -> None:
        raise DataError("There are no images.")

    monkeypatch.setattr(pipeline, "open_source", missing)
    return random_run(tmp_path, load_recipe(request.param))


@pytest.mark.slow
@pytest.mark.parametrize("run", PAPER, indirect=True)
def test_a_recipe_packs_agrees_and_is_as_large_as_its_numbers(run: RunFolder) -> None:
    network = network_of(run.recipe)
    result = convert(run, "aarch64", "packed", images=4)
    packed = {PARTS.sub("", name) for name, row in result.layers.items() if row.precision == "packed"}
    assert packed == {layer.name for layer in network if not layer.is_float}
    flatbuffer = read_flatbuffer(run.path / result.model)
    expected = modelled_bytes(network) + STRUCTURE_BYTES * len(flatbuffer.ops)
    print(f"{network.name}: {flatbuffer.size_bytes:,} bytes, of {expected:,}; {len(flatbuffer.ops)} operators")
    assert flatbuffer.size_bytes == pytest.approx(expected, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["float32", "int8"])
@pytest.mark.parametrize("run", PAPER, indirect=True)
def test_a_recipe_has_its_float32_form_and_its_int8_twin(run: RunFolder, file_format: Format) -> None:
    result = convert(run, "aarch64", file_format, images=4, twin=file_format == "int8")
    assert (result.format, result.packed_layers) == (file_format, 0)


@pytest.mark.slow
@pytest.mark.parametrize("run", ["vgg_2bit"], indirect=True)
def test_two_bit_weights_take_two_planes_and_a_thirteenth_of_the_float_file(run: RunFolder) -> None:
    packed, in_float = (run.path / convert(run, "aarch64", each, images=4).model for each in ("packed", "float32"))
    assert in_float.stat().st_size > 13 * packed.stat().st_size


def test_all_formats_are_tried() -> None:
    assert {"packed", "float32", "int8"} == {each for each in get_args(Format) if each != "packed_int8"}
    assert len(PAPER) == 24


def test_random_weights_of_several_bits_have_every_level() -> None:
    layer = random_model(load_recipe("vgg_2bit", ["network.width=0.03125"])).get_layer("conv2")
    assert len(np.unique(layer.kernel_quantizer(np.asarray(layer.kernel)))) == 2**2
