"""Tests of edgehybrid/networks/ern.py. The graph's general laws are tested in test_build.py."""

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.networks import Network, network_of
from edgehybrid.networks.ern import BARE_STEP, LEVEL_STEP
from edgehybrid.recipe import load_recipe

# (recipe, its changes, GOPs of two operations a MAC at 256×256, MiB of one bit a weight), computed from the paper's
# description; the paper prints 6.52, 6.97, 11.81, 13.13 and 22.87 GOPs, and 0.98, 1.4, 2.6, 3.1 and (in MB) 5.6.
PUBLISHED = [
    ("ern/ern18_x0.75", 6.452, 0.983),
    ("ern/ern18", 6.906, 1.407),
    ("ern/ern34", 11.738, 2.611),
    ("ern/ern50", 13.009, 3.054),
    ("ern/ern101", 22.706, 5.312),
]


def network(name: str = "ern/cifar16", *changes: str) -> Network:
    return network_of(load_recipe(name, changes))


@pytest.mark.parametrize(("name", "giga_operations", "mebibytes"), PUBLISHED)
def test_has_the_published_size(name: str, giga_operations: float, mebibytes: float) -> None:
    own = network(name)
    assert 2 * own.macs / 1e9 == pytest.approx(giga_operations, abs=5e-4)
    assert own.weights / 8 / 2**20 == pytest.approx(mebibytes, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "printed"), list(zip([row[0] for row in PUBLISHED], (6.52, 6.97, 11.81, 13.13, 22.87), strict=True))
)
def test_is_within_a_hundredth_of_the_printed_operations(name: str, printed: float) -> None:
    # What the paper counts besides convolutions is not said; it adds 0.06 to 0.16 GOPs.
    assert 0 < printed - 2 * network(name).macs / 1e9 < 0.02 * printed


def test_the_released_codes_last_stem_filters_are_a_switch() -> None:
    paper, code = network("ern/ern18"), network("ern/ern18", "network.ern.stem_last_kernel=1")
    assert 2 * (paper.macs - code.macs) == 2 * 8 * 64 * 64 * 64**2


def test_every_layer_has_one_bit_weights_and_two_bit_maps() -> None:
    assert {(layer.weight_bits, layer.activation_bits) for layer in network()} == {(1, 2)}


def test_what_is_added_has_the_shared_scale_and_reads_bare_levels() -> None:
    adding = [layer for layer in network("ern/ern50") if layer.adds_to_residual]
    assert {layer.name.rpartition("_")[2] for layer in adding} == {"conv3", "shortcut"}
    assert {layer.level_step for layer in adding} == {BARE_STEP}


def test_blocks_with_a_shortcut_read_bare_levels_and_others_worth_two_thirds() -> None:
    own = network()
    steps = {layer.name: layer.level_step for layer in own if layer.name.endswith("_conv1")}
    with_shortcut = {layer.name.rpartition("_")[0] for layer in own if layer.kind == "shortcut"}
    assert with_shortcut == {"stage1_block1", "stage2_block1", "stage3_block1"}
    for name, step in steps.items():
        assert step == (BARE_STEP if name.rpartition("_")[0] in with_shortcut else LEVEL_STEP), name


@pytest.mark.parametrize(("strides", "side"), [("true", 8), ("false", 32)])
def test_the_stem_keeps_the_size_of_the_image_or_quarters_it(strides: str, side: int) -> None:
    assert network("ern/cifar16", f"network.ern.stem_strides={strides}").layer("stem4").out_side == side


def test_the_first_layer_reads_the_thermometers_channels() -> None:
    assert network("ern/cifar16", "network.ern.thermometer_channels=5").layers[0].in_channels == 15


def test_additions_meet_equal_maps() -> None:
    for name in ("ern/cifar16", "ern/ern50"):
        own = network(name)
        behind = {layer.name: (layer.out_side, layer.out_channels) for layer in own}
        for node in own.graph:
            if node.op == "add":
                one, other = (behind[source] for source in node.inputs)
                assert one == other, node.name
            if node.op != "layer" and node.inputs[0] in behind:
                behind[node.name] = behind[node.inputs[0]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("network.placement.full_precision=[first]", "placement.full_precision"),
        ("network.placement.weight_bits=2", "placement.weight_bits"),
        ("network.placement.activation_bits=1", "placement.activation_bits"),
        ("network.placement.bits={stage1: 2}", "placement.bits"),
        ("network.placement.float_fraction=0.5", "placement.float_fraction"),
        ("network.pad_value=1", "pad_value"),
        ("network.residual=true", "residual"),
        ("network.shortcut=none", "shortcut"),
        ("network.activation=rprelu", "activation"),
        ("network.thresholds=learned", "thresholds"),
        ("network.clip_activations=false", "clip_activations"),
    ],
)
def test_other_switches_are_refused_by_name(change: str, field: str) -> None:
    with pytest.raises(RecipeError) as caught:
        network("ern/cifar16", change)
    assert str(caught.value.received).startswith(f"network.{field}: ")


def test_its_section_is_refused_for_another_architecture() -> None:
    with pytest.raises(RecipeError, match="about the architecture ern"):
        network("hybrid_res_a", "network.ern.depth=34")


def test_the_full_precision_twin_has_relus_where_levels_are_made() -> None:
    twin = network("ern/cifar16", "network.placement.full_precision=[all]")
    assert all(layer.is_float for layer in twin)
    assert sum(node.op == "relu" for node in twin.graph) == len(twin.layers) - 1
