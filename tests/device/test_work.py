"""The work of a network is that of the flatbuffer that it becomes, and the sum of its parts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from random_networks import networks
from small_level_networks import model_of, small_network
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, packed_flatbuffer, tflite_bytes
from tiny_runs import random_model, tiny_recipe

from edgehybrid.census.formats import Format
from edgehybrid.census.logical_layers import layers_of_network
from edgehybrid.device.work import Work, work_of_flatbuffer, work_of_network, work_of_nodes
from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import parse_flatbuffer, read_flatbuffer
from edgehybrid.networks import Network, network_of
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.run_folder import RunFolder


@pytest.mark.parametrize("file_format", ["packed", "float32"])
def test_a_recipe_has_the_work_of_its_flatbuffer(file_format: Format, converted_run: RunFolder) -> None:
    flatbuffer = read_flatbuffer(converted_run.path / f"model.{file_format}.x86_64.tflite")
    assert work_of_flatbuffer(flatbuffer) == work_of_network(network_of(converted_run.recipe), file_format)


def test_so_has_one_with_split_layers() -> None:
    from converters.export import export
    from converters.pack import pack

    recipe = tiny_recipe("network.placement.float_fraction=0.5")
    content, *_ = pack(export(random_model(recipe), "packed"))
    assert work_of_flatbuffer(parse_flatbuffer(content, "split")) == work_of_network(network_of(recipe), "packed")


def test_so_has_one_of_levels() -> None:
    from converters.integer.from_keras import integer_network
    from converters.integer.integer_file import integer_flatbuffer

    network = small_network()
    content = integer_flatbuffer(integer_network(network, model_of(network)))
    assert work_of_flatbuffer(parse_flatbuffer(content, "levels")) == work_of_network(network, "packed")


def test_a_float_flatbuffer_by_hand() -> None:
    # 3×3×2 weights of 4 filters at 9 places; 36 inputs of 7 outputs. 4 bytes each: weights, map read, map written.
    convolution, dense = 4 * 18 * 9, 36 * 7
    moved = 4 * (4 * 18 + 50 + 36) + 4 * (36 * 7 + 36 + 7)
    flatbuffer = parse_flatbuffer(float_flatbuffer(), "model")
    assert work_of_flatbuffer(flatbuffer) == Work(float_macs=convolution + dense, bytes=moved, operators=2)


def test_a_packed_flatbuffer_by_hand() -> None:
    # 3×3×40 weights of 8 filters at 30 places: bits of weights and of the map read, float32 of the map written.
    moved = (8 * 360 + 30 * 40) // 8 + 4 * 30 * 8
    flatbuffer = parse_flatbuffer(packed_flatbuffer(), "model")
    assert work_of_flatbuffer(flatbuffer) == Work(binary_macs=8 * 360 * 30, bytes=moved, operators=1)


def int8_flatbuffer(weights: str = "int8", maps: str = "int8") -> bytes:
    """FULLY_CONNECTED 12 → 5."""
    matrix = np.ones((5, 12), weights)
    return tflite_bytes(
        [
            TinyTensor("map", (1, 12), maps, scale=0.5),
            TinyTensor("weights", (5, 12), weights, matrix, scale=0.5),
            TinyTensor("logits", (1, 5), maps, scale=0.5),
        ],
        [TinyOp("FULLY_CONNECTED", [0, 1, -1], [2], schema.FullyConnectedOptionsT())],
        [0],
        [2],
    )


def test_an_int8_flatbuffer_by_hand() -> None:
    flatbuffer = parse_flatbuffer(int8_flatbuffer(), "model")
    assert work_of_flatbuffer(flatbuffer) == Work(int8_macs=60, bytes=60 + 12 + 5, operators=1)


def test_refuses_numbers_of_no_known_class() -> None:
    with pytest.raises(EdgehybridError, match="of no kind that a calibration knows") as caught:
        work_of_flatbuffer(parse_flatbuffer(int8_flatbuffer(maps="int16"), "model"))
    assert caught.value.received == "'logits': 8-bit weights with 16-bit maps"


def test_a_layer_of_two_bits_is_six_binary_ones() -> None:
    one, two = (
        work_of_network(
            network_of(load_recipe("xnor_vgg", [f"network.placement.{part}={bits}" for part in PARTS])), "packed"
        )
        for bits in (1, 2)
    )
    assert two.binary_macs == 6 * one.binary_macs
    assert two.float_macs == one.float_macs


PARTS = ("weight_bits", "activation_bits")


def test_refuses_a_layer_of_more_bits_than_can_be_packed() -> None:
    network = network_of(load_recipe("xnor_vgg", [f"network.placement.{part}=5" for part in PARTS]))
    with pytest.raises(EdgehybridError, match="of no kind") as caught:
        work_of_network(network, "packed")
    assert "quantised to 1 … 4 bits" in (caught.value.allowed or "")


@given(networks(max_bits=4))
def test_no_multiplication_is_lost(network: Network) -> None:
    """Every MAC of a layer stands in one class, in the binary one as often as there are products of planes."""
    logical = sum(layer.macs for layer in layers_of_network(network))
    assert work_of_network(network, "float32").float_macs == logical
    assert work_of_network(network, "int8").int8_macs == logical
    packed = work_of_network(network, "packed")
    bits = {layer.weight_bits for layer in network if not layer.is_float}
    (planes,) = {each * (2**each - 1) for each in bits} or {1}
    assert packed.float_macs + packed.binary_macs / planes == logical


@given(networks(max_bits=1))
def test_narrower_numbers_are_fewer_bytes(network: Network) -> None:
    float32, int8, packed = (work_of_network(network, form) for form in ("float32", "int8", "packed"))
    assert int8.bytes <= float32.bytes / 4 + float32.operators
    # Float filters beside packed ones read the map once more.
    assert packed.bytes <= 2 * float32.bytes


def test_the_work_of_all_nodes_is_that_of_the_flatbuffer(converted_run: RunFolder) -> None:
    flatbuffer = read_flatbuffer(converted_run.path / "model.packed.x86_64.tflite")
    nodes = range(len(flatbuffer.ops))
    assert work_of_nodes(flatbuffer, nodes) == work_of_flatbuffer(flatbuffer)
    together = Work()
    for node in nodes:
        together = together.and_also(work_of_nodes(flatbuffer, [node]))
    assert together == work_of_flatbuffer(flatbuffer)


def test_an_addition_is_no_work_of_its_own(converted_run: RunFolder) -> None:
    flatbuffer = read_flatbuffer(converted_run.path / "model.packed.x86_64.tflite")
    additions = [number for number, op in enumerate(flatbuffer.ops) if op.name == "ADD"]
    assert additions
    assert work_of_nodes(flatbuffer, additions) == Work()


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (Work(binary_macs=1, float_macs=9, int8_macs=9), "packed"),
        (Work(int8_macs=1, float_macs=9), "int8"),
        (Work(float_macs=1), "float32"),
    ],
)
def test_the_kind_is_that_of_the_narrowest_numbers(work: Work, kind: Any) -> None:
    assert work.kind == kind


def test_work_of_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no flatbuffer")
    with pytest.raises(EdgehybridError, match="not a TFLite flatbuffer"):
        work_of_flatbuffer(read_flatbuffer(tmp_path / "model.tflite"))


def test_a_fixed_point_layer_of_four_bits_is_35_binary_ones() -> None:
    """5 planes of the weights with 7 thresholds of the map; the first layer and the last are in full precision."""
    network = network_of(load_recipe("moons/4bit_1x64"))
    first, *inner, last = network.layers
    work = work_of_network(network, "packed")
    assert work.binary_macs == 35 * sum(layer.macs for layer in inner)
    assert work.float_macs == first.macs + last.macs
