"""Agreement of counts: every disagreement is refused with the layer's name."""

from dataclasses import replace

import pytest

from edgehybrid.census.agreement import check_agreement, expected_layers, stored_layers
from edgehybrid.census.logical_layers import LogicalLayer
from edgehybrid.errors import ConversionError
from edgehybrid.networks import Network, network_of
from edgehybrid.recipe import load_recipe


def network(*overrides: str) -> Network:
    return network_of(load_recipe("digits", ["network.width=0.25", "data.image_side=8", *overrides]))


PLAIN = network()
SPLIT = network("network.placement.float_fraction=0.25")
HONEST = expected_layers(PLAIN)
NAME = "stage1_block1_conv1"


def renamed(layers: list[LogicalLayer]) -> list[LogicalLayer]:
    """As a file has them: without the network's names."""
    return [replace(layer, name=f"tensor {number}") for number, layer in enumerate(layers)]


def changed(**changes: object) -> list[LogicalLayer]:
    return [replace(layer, **changes) if layer.name == NAME else layer for layer in HONEST]  # type: ignore[arg-type]


def test_a_network_agrees_with_itself_by_name_and_by_shape() -> None:
    in_order = list(range(len(PLAIN.layers)))
    assert check_agreement(HONEST, HONEST, "the copy") == in_order
    assert check_agreement(HONEST, renamed(HONEST), "the copy") == in_order


def test_layers_of_different_shape_may_stand_in_another_order() -> None:
    # A converter may write a shortcut before or after the convolution beside it.
    pairs = check_agreement(HONEST, renamed(HONEST[::-1]), "the copy")
    found = renamed(HONEST[::-1])[pairs[[layer.name for layer in HONEST].index("stage2_block1_shortcut")]]
    assert found.kernel == (1, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"float_filters": 4}, "was to be packed but is float32 in the copy"),
        ({"weight_bits": 2}, "was to be packed but is 2-bit weights with 1-bit activations in the copy"),
        ({"activation_bits": 3}, "was to be packed but is 1-bit weights with 3-bit activations in the copy"),
        ({"float_filters": 1}, "was to be packed but is packed but for 1 float32 filters"),
        ({"kind": "depthwise"}, "has another shape in the copy"),
        ({"kernel": (5, 5)}, "has another shape in the copy"),
        ({"in_channels": 5}, "has another shape in the copy"),
        ({"out_channels": 5}, "has another shape in the copy"),
        ({"group_channels": 2}, "has another shape in the copy"),
        ({"in_side": (8, 9)}, "has another shape in the copy"),
        ({"out_side": (7, 8)}, "has another shape in the copy"),
    ],
)
def test_every_difference_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConversionError, match=f"'{NAME}' {message}"):
        check_agreement(HONEST, changed(**changes), "the copy")


def test_in_a_file_another_shape_is_a_layer_without_counterpart() -> None:
    # Layers of a file have no names: the last of the equal ones is left without.
    with pytest.raises(ConversionError, match="'stage1_block3_conv2' has no counterpart in the copy") as caught:
        check_agreement(HONEST, renamed(changed(kernel=(5, 5))), "the copy")
    assert "conv 5×5 4→4, 8×8 → 8×8, 400 weights, 25600 MACs" in str(caught.value.received)


def test_names_a_missing_layer() -> None:
    with pytest.raises(ConversionError, match="'fc' has no counterpart in the copy") as caught:
        check_agreement(HONEST, HONEST[:-1], "the copy")
    assert caught.value.received == "no further layer"


def test_names_a_layer_too_many() -> None:
    with pytest.raises(ConversionError, match="layers with weights in the copy that nothing asked for") as caught:
        check_agreement(HONEST, [*HONEST, replace(HONEST[0], name="more")], "the copy")
    assert "'more'" in str(caught.value.received)


def test_what_float_filters_read_is_compared() -> None:
    honest = expected_layers(SPLIT)
    other = [replace(layer, reads_real=False) for layer in honest]
    with pytest.raises(ConversionError, match="read the quantised map"):
        check_agreement(honest, other, "the copy")


def test_scales_and_names_are_not_compared() -> None:
    other = [replace(layer, reason="another", residual=None) for layer in HONEST]
    check_agreement(HONEST, other, "the copy")


@pytest.mark.parametrize(("file_format", "bits", "is_float"), [("float32", 32, True), ("int8", 8, False)])
def test_a_format_gives_every_filter_its_precision(file_format: str, bits: int, is_float: bool) -> None:
    for layer in expected_layers(SPLIT, file_format):  # type: ignore[arg-type]
        assert (layer.weight_bits, layer.activation_bits, layer.is_float) == (bits, bits, is_float)


def test_stored_layers_know_the_shortcuts_that_files_cannot_show() -> None:
    kinds = {layer.name: layer.kind for layer in stored_layers(PLAIN, "packed")}
    assert kinds["stage2_block1_shortcut"] == "shortcut"
    assert {layer.kind for layer in HONEST} == {"conv", "dense"}


def test_a_packed_file_shows_no_bits_that_it_does_not_hold() -> None:
    """Layers that are quantised by half are in full precision there, and maps without negative numbers need no sign."""
    network = network_of(load_recipe("moons/4bit_1x64"))
    own = [(layer.weight_bits, layer.activation_bits) for layer in expected_layers(network)]
    packed = [(layer.weight_bits, layer.activation_bits) for layer in expected_layers(network, "packed")]
    int8 = [(layer.weight_bits, layer.activation_bits) for layer in expected_layers(network, "packed_int8")]
    assert own == [(4, 32), (4, 4), (4, 4), (32, 4)]
    assert packed == [(32, 32), (4, 3), (4, 3), (32, 32)]
    assert int8 == [(8, 8), (4, 3), (4, 3), (8, 8)]
    assert [layer.is_float for layer in expected_layers(network, "packed")] == [True, False, False, True]
