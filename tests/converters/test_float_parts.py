"""Packed flatbuffers whose full-precision layers are int8: ranges of maps, and where taps stand."""

import numpy as np
import pytest
from tiny_runs import random_model, tiny_recipe

from converters.edits.quantise_float_layers import float_layers
from converters.export import export
from converters.float_parts import ranges_of, with_int8_float_parts
from converters.graph_file import graph_of
from converters.pack import Packed, pack
from converters.verify.int8 import layer_errors
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import parse_flatbuffer

IMAGES = np.random.default_rng(0).uniform(-1, 1, (12, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def packed() -> Packed:
    return pack(export(random_model(tiny_recipe()), "packed"))


def test_ranges_are_those_of_all_images(packed: Packed) -> None:
    graph = graph_of(packed.content)
    layers = float_layers(graph)
    found = ranges_of(graph, layers, IMAGES)
    assert found[id(graph.inputs[0])] == (IMAGES.min(), IMAGES.max())
    one_by_one = [ranges_of(graph, layers, IMAGES[place : place + 1]) for place in range(len(IMAGES))]
    for value, (low, high) in found.items():
        assert low == min(each[value][0] for each in one_by_one) < high == max(each[value][1] for each in one_by_one)


def test_every_whole_layer_is_int8_and_the_packed_ones_are_the_same(packed: Packed) -> None:
    edited = with_int8_float_parts(packed, IMAGES)
    before, after = (parse_flatbuffer(each.content, "a model") for each in (packed, edited))
    assert not float_layers(graph_of(edited.content))
    packed_of = [[op.name for op in each.ops if op.name.startswith("Lce")] for each in (before, after)]
    assert packed_of[0] == packed_of[1]


def test_every_layer_gives_what_keras_gives_from_the_same_inputs(packed: Packed) -> None:
    """Maps and filters are rounded to 256 steps; packed layers read what they are compared on, and are exact."""
    edited = with_int8_float_parts(packed, IMAGES)
    errors = layer_errors(random_model(tiny_recipe()), edited.content, IMAGES, edited.taps)
    in_8_bits = {name: error for name, error in errors.items() if error > 1e-5}
    assert set(in_8_bits) == {"conv1_relu", "stage2_block1_shortcut_bn", "stage3_block1_shortcut_bn", "fc_bn"}
    assert max(in_8_bits.values()) < 0.02


def test_a_network_without_such_layers_is_refused() -> None:
    recipe = tiny_recipe("network.placement={full_precision: [all]}")
    everything_int8 = with_int8_float_parts(pack(export(random_model(recipe), "packed")), IMAGES)
    with pytest.raises(ConversionError, match="no full-precision layer"):
        with_int8_float_parts(everything_int8, IMAGES)
