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


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("vgg_2bit", (), "2-bit weights, 2-bit maps"),
        ("hybrid_res_c", (), "layer 'stage1_block1_conv1'"),
        ("xnor_res", ("network.activation=rprelu",), "rprelu"),
        ("xnor_res", ("network.thresholds=learned",), "network.thresholds learned"),
        (
            "xnor_res",
            ("network.standardise_weights=true", "training.latent_weights.clip=false"),
            "network.standardise_weights true",
        ),
        ("ern/cifar16", ("training.precision=float32",), "1-bit weights, 2-bit maps"),
        ("moons/binary_1x64", ("training.latent_weights.gradient_factor=1",), "layer 'conv1'"),
    ],
)
def test_low_memory_refuses_what_it_has_no_pass_for(name: str, changes: tuple[str, ...], told: str) -> None:
    with pytest.raises(RecipeError, match="memory: low knows") as caught:
        check_trainable(load_recipe(name, ["training.memory=low", *changes]))
    assert told in str(caught.value.received)


@pytest.mark.parametrize("name", ["xnor_res", "hybrid_res_a", "hybrid_res_b", "float_res", "xnor_vgg", "hybrid_vgg_a"])
def test_low_memory_knows_the_papers_networks_of_one_bit(name: str) -> None:
    check_trainable(load_recipe(name, ["training.memory=low"]))
