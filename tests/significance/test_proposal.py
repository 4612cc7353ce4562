"""The proposed recipe gives more bits to the significant layers and their shortcuts, and to no other."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import tiny_recipe

from edgehybrid.errors import EdgehybridError
from edgehybrid.networks import network_of
from edgehybrid.recipe import Recipe, load_recipe
from edgehybrid.significance.proposal import proposed_recipe
from edgehybrid.significance.significance import LayerComponents, Significance

PLAIN = tiny_recipe("network.shortcut=none", "network.placement.full_precision=[first, last]")


def found(*names: str) -> Significance:
    """A result that names these layers."""
    layers = [
        LayerComponents(layer.name, layer.stage, layer.out_channels, 1, 0, False, layer.name in names, np.ones(1))
        for layer in network_of(PLAIN)
        if layer.kind == "conv"
    ]
    return Significance("digits-20250101T000000Z-abcdef", "digits", 10, 0.99, 2, tuple(layers), ())


def bits_of(recipe: Recipe) -> dict[str, int]:
    return {layer.name: layer.weight_bits for layer in network_of(recipe)}


def test_the_significant_layers_and_the_shortcut_round_one_get_the_bits() -> None:
    proposed = proposed_recipe(PLAIN, found("stage2_block1_conv1", "stage3_block2_conv2"), bits=2)
    wide = {name for name, bits in bits_of(proposed).items() if bits == 2}
    assert wide == {"stage2_block1_conv1", "stage2_block1_shortcut", "stage3_block2_conv2"}
    assert bits_of(proposed)["stage3_block1_shortcut"] == 1
    assert proposed.network.shortcut == "topology"


def test_other_bits_of_the_run_stay() -> None:
    base = PLAIN.network.placement.model_copy(update={"bits": {"stage3": 4}})
    recipe = PLAIN.model_copy(update={"network": PLAIN.network.model_copy(update={"placement": base})})
    bits = bits_of(proposed_recipe(recipe, found("stage3_block1_conv1"), bits=2))
    assert (bits["stage3_block1_conv1"], bits["stage3_block1_conv2"], bits["stage1_block1_conv1"]) == (2, 4, 1)


def test_a_full_precision_shortcut_stays_one() -> None:
    placement = PLAIN.network.placement.model_copy(update={"full_precision": ("first", "last", "shortcuts")})
    network = PLAIN.network.model_copy(update={"placement": placement, "shortcut": "topology"})
    bits = bits_of(proposed_recipe(PLAIN.model_copy(update={"network": network}), found("stage2_block1_conv1"), 4))
    assert (bits["stage2_block1_conv1"], bits["stage2_block1_shortcut"]) == (4, 32)


def test_its_short_yaml_is_read_back_as_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    proposed = proposed_recipe(PLAIN, found("stage2_block1_conv1"), bits=2)
    file = tmp_path_factory.mktemp("recipes") / "proposed.yaml"
    file.write_text(proposed.to_short_yaml())
    assert load_recipe(file).sha256 == proposed.sha256
    assert "published" not in file.read_text()
    assert "  mean:" not in file.read_text()
    assert "image_side: 8" in file.read_text()


def test_without_a_significant_layer_there_is_nothing_to_propose() -> None:
    with pytest.raises(EdgehybridError, match=r"(?s)No layer is significant.*--threshold"):
        proposed_recipe(PLAIN, replace(found()), bits=2)
