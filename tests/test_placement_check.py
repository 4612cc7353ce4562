import pytest

from converters.placement_check import check_placement, expected_parts
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import CensusRow
from edgehybrid.networks import Network, network_of
from edgehybrid.recipe import load_recipe


def network(*overrides: str) -> Network:
    return network_of(load_recipe("digits", ["network.width=0.25", "data.image_side=8", *overrides]))


SPLIT = network("network.placement.float_fraction=0.25")
PLAIN = network()
TWO_BIT = network("network.placement.weight_bits=2", "network.placement.activation_bits=2")


def honest_census(net: Network, quantised: str = "packed") -> list[CensusRow]:
    """The rows of a flatbuffer that holds every layer in the promised form, written out layer by layer."""
    rows = []
    for layer in net:
        for filters, is_float in ((layer.float_filters, True), (layer.quantised_filters, False)):
            if filters:
                weights = layer.kernel_side**2 * layer.in_channels * filters
                precision = "float32" if is_float else quantised
                row = CensusRow(
                    name=f"tensor {len(rows)}", op="LceBconv2d" if precision == "packed" else "CONV_2D",
                    precision=precision, kernel_height=layer.kernel_side, kernel_width=layer.kernel_side,
                    in_channels=layer.in_channels, out_channels=filters, weights=weights, bytes=weights // 8,
                    macs=layer.out_side**2 * weights,
                )  # fmt: skip
                rows.append(row)
    return rows


def test_pairs_layers_with_operators_of_the_same_shape_in_forward_order() -> None:
    rows = honest_census(PLAIN)
    found = check_placement(PLAIN, rows, "packed")
    assert list(found) == [layer.name for layer in PLAIN]
    assert list(found.values()) == rows


def test_operators_of_different_shape_may_stand_in_another_order() -> None:
    # The converter may write a shortcut before or after the convolution beside it.
    rows = honest_census(PLAIN)[::-1]
    found = check_placement(PLAIN, rows, "packed")
    assert found["stage2_block1_shortcut"].kernel_height == 1


def test_a_split_layer_has_two_parts() -> None:
    found = check_placement(SPLIT, honest_census(SPLIT), "packed")
    # 4 filters, a quarter of them in full precision.
    assert found["stage1_block1_conv1_float"].out_channels == 1
    assert found["stage1_block1_conv1_float"].precision == "float32"
    assert found["stage1_block1_conv1_quantised"].out_channels == 3
    assert found["stage1_block1_conv1_quantised"].precision == "packed"


def test_names_the_layer_that_is_float_where_packed_was_promised() -> None:
    rows = honest_census(PLAIN, "float32")
    with pytest.raises(ConversionError, match="'stage1_block1_conv1' was to be packed but is float32"):
        check_placement(PLAIN, rows, "packed")


def test_names_the_layer_that_is_packed_where_float_was_promised() -> None:
    with pytest.raises(ConversionError, match="'stage1_block1_conv1' was to be float32 but is packed"):
        check_placement(PLAIN, honest_census(PLAIN), "float32")


def test_names_a_layer_without_an_operator() -> None:
    with pytest.raises(ConversionError, match="'fc' has no operator"):
        check_placement(PLAIN, honest_census(PLAIN)[:-1], "packed")


def test_names_operators_that_no_layer_asked_for() -> None:
    rows = honest_census(PLAIN)
    with pytest.raises(ConversionError, match="no layer asked for") as caught:
        check_placement(PLAIN, [*rows, rows[0]], "packed")
    assert caught.value.received is not None
    assert rows[0].name in caught.value.received


def test_two_bits_have_no_packed_form() -> None:
    with pytest.raises(ConversionError, match="2-bit weights and 2-bit activations") as caught:
        check_placement(TWO_BIT, honest_census(TWO_BIT, "float32"), "packed")
    assert caught.value.next_step == "Convert with --format float32."


def test_two_bits_convert_to_float32() -> None:
    found = check_placement(TWO_BIT, honest_census(TWO_BIT, "float32"), "float32")
    assert len(found) == len(TWO_BIT.layers)


def test_the_parts_hold_all_macs() -> None:
    assert sum(part.macs for part in expected_parts(SPLIT, "packed")) == SPLIT.macs
