"""What cannot be trained: quantised layers of one input channel, unless their latent weights are left alone."""

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.networks import check_trainable, network_of
from edgehybrid.recipe import load_recipe, recipe_names

NAMES = recipe_names()
CENTRE, SCALE = "training.latent_weights.centre=false", "training.latent_weights.gradient_scale=none"
BOP = "training.optimizer.kind=bop"
ONE_CHANNEL = "network.placement.full_precision=[last]"  # of the digits, which have no colour
ONE_CHANNEL_SPLIT = "network.placement={full_precision: [last], float_fraction: 0.5}"


@pytest.mark.parametrize(
    ("settings", "faults", "next_step"),
    [
        ([ONE_CHANNEL], "so centring .* and XNOR-Net's scale", f"--set {CENTRE} --set {SCALE}, or"),
        ([ONE_CHANNEL, SCALE], r"so centring makes every weight 0\.", f"Add --set {CENTRE}, or"),
        ([ONE_CHANNEL, CENTRE], r"so XNOR-Net's scale makes every gradient 0\.", f"Add --set {SCALE}, or"),
        ([ONE_CHANNEL_SPLIT], "so centring", CENTRE),
        ([ONE_CHANNEL, BOP, "network.placement.weight_bits=2"], "so centring", CENTRE),
    ],
    ids=["both", "centred", "scaled", "split", "Bop leaves 2 bits to Adam"],
)
def test_refuses_to_train_a_quantised_layer_of_one_input_channel(
    settings: list[str], faults: str, next_step: str
) -> None:
    recipe = load_recipe("digits", settings)
    with pytest.raises(RecipeError, match=f"'conv1' reads a single channel, {faults}") as caught:
        check_trainable(recipe)
    assert next_step in (caught.value.next_step or "")
    # It can be counted.
    assert network_of(recipe).layer("conv1").in_channels == 1


@pytest.mark.parametrize(
    "settings", [[ONE_CHANNEL, CENTRE, SCALE], [ONE_CHANNEL, BOP], []], ids=["as told", "Bop", "full precision"]
)
def test_trains_layers_of_one_input_channel_whose_latent_weights_are_left_alone(settings: list[str]) -> None:
    check_trainable(load_recipe("digits", settings))


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_recipe_can_be_trained(name: str) -> None:
    check_trainable(load_recipe(name))
