"""The three counts in a conversion: Network, Keras model and flatbuffer."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from random_networks import networks
from tiny_layers import packed_file
from tiny_runs import random_model, tiny_recipe

from converters import placement_check
from converters.placement_check import check_placement
from edgehybrid.census.agreement import check_agreement, expected_layers
from edgehybrid.census.operators import CensusRow
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import Flatbuffer, parse_flatbuffer, read_flatbuffer
from edgehybrid.networks import Network, network_of
from edgehybrid.runs.run_folder import RunFolder


def network(*overrides: str) -> Network:
    return network_of(tiny_recipe(*overrides))


PLAIN = network()
SPLIT = network("network.placement.float_fraction=0.25")
TWO_BIT = network("network.placement.weight_bits=2", "network.placement.activation_bits=2")


@pytest.fixture(autouse=True)
def _honest_keras_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a Network stands for the Keras model that was built from it; census.py has its own tests."""
    monkeypatch.setattr(placement_check, "layers_of_keras", expected_layers)


def check(net: Network, flatbuffer: Flatbuffer | None = None) -> dict[str, CensusRow]:
    return check_placement(net, net, flatbuffer or parse_flatbuffer(packed_file(net), "model"), "packed")


def test_pairs_layers_with_operators_in_forward_order() -> None:
    found = check(PLAIN)
    assert list(found) == [layer.name for layer in PLAIN]
    assert [row.macs for row in found.values()] == [layer.macs for layer in PLAIN]


def test_a_split_layer_has_two_operators() -> None:
    found = check(SPLIT)
    # 4 filters, a quarter of them in full precision.
    assert found["stage1_block1_conv1_float"].out_channels == 1
    assert found["stage1_block1_conv1_float"].precision == "float32"
    assert found["stage1_block1_conv1_quantised"].out_channels == 3
    assert found["stage1_block1_conv1_quantised"].precision == "packed"


def test_a_2_bit_layer_has_four_operators() -> None:
    found = check(TWO_BIT)
    planes = [f"stage1_block1_conv1_plane{number}" for number in (1, 2, 3, 4)]
    assert [name for name in found if name.startswith("stage1_block1_conv1")] == planes


def test_the_operators_of_a_split_layer_hold_all_macs() -> None:
    assert sum(row.macs for row in check(SPLIT).values()) == SPLIT.macs


def test_names_the_layer_that_is_float_where_packed_was_promised() -> None:
    other = parse_flatbuffer(packed_file(network("network.placement.full_precision=[all]")), "model")
    with pytest.raises(ConversionError, match="'stage1_block1_conv1' was to be packed but is float32 in the flatbuf"):
        check(PLAIN, other)


def test_names_the_layer_that_is_packed_where_float_was_promised() -> None:
    flatbuffer = parse_flatbuffer(packed_file(PLAIN), "model")
    with pytest.raises(
        ConversionError, match="'stage1_block1_conv1' was to be float32 but is packed in the flatbuffer"
    ):
        check_placement(PLAIN, PLAIN, flatbuffer, "float32")


def test_names_the_layer_of_the_keras_model() -> None:
    with pytest.raises(ConversionError, match="'stage1_block1_conv1' was to be packed but is packed but for 1 float32"):
        check_placement(PLAIN, SPLIT, parse_flatbuffer(packed_file(PLAIN), "model"), "packed")


def test_two_bits_without_planes_are_refused_with_a_way_out() -> None:
    flatbuffer = parse_flatbuffer(packed_file(PLAIN), "model")
    with pytest.raises(ConversionError, match="was to be 2-bit weights with 2-bit activations but is packed") as caught:
        check(TWO_BIT, flatbuffer)
    assert "--format float32" in str(caught.value.next_step)


def test_a_real_conversion_agrees_in_both_formats(converted_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgehybrid.model.census import layers_of_keras

    monkeypatch.setattr(placement_check, "layers_of_keras", layers_of_keras)
    model = random_model(converted_run.recipe)
    for file_format in ("packed", "float32"):
        flatbuffer = read_flatbuffer(converted_run.path / f"model.{file_format}.x86_64.tflite")
        found = check_placement(network_of(converted_run.recipe), model, flatbuffer, file_format)  # type: ignore[arg-type]
        assert len(found) == 22


@pytest.mark.fuzz
# Without shrinking, which would convert for minutes.
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.reuse, Phase.generate))
@given(networks(widths=(0.0625, 0.25), max_bits=2))
def test_any_converted_network_agrees(network: Network) -> None:
    """The real converter."""
    from converters.export import export
    from converters.pack import pack
    from edgehybrid.model.build import build_model
    from edgehybrid.model.census import layers_of_keras
    from edgehybrid.model.compat import keras

    keras.backend.clear_session()
    model = build_model(network)
    check_agreement(expected_layers(network), layers_of_keras(model), "the Keras model")
    content, left, _ = pack(export(model, "packed"))
    flatbuffer = parse_flatbuffer(content, "model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placement_check, "layers_of_keras", layers_of_keras)
        check_placement(network, model, flatbuffer, "packed", left)
