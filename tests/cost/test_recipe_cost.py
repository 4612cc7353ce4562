"""The cost of recipes: every published figure, the totals behind them, the reference networks."""

import pytest
from published_figures import FIGURES, FLOAT_RECIPES, Figure, agreement, cost, row, total_pj

from edgehybrid.cost import cost_of, cost_of_network
from edgehybrid.cost.rules import load_rules
from edgehybrid.networks import build_network, network_of
from edgehybrid.recipe import NetworkRecipe, Placement, load_recipe

each_figure = pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: f"{figure.recipe}-{figure.ratio}")

# The published figures.


@each_figure
def test_computes_the_known_value_to_four_decimals(figure: Figure) -> None:
    assert f"{row(figure.recipe)[figure.ratio]:.4f}" == figure.computed


@each_figure
def test_agrees_with_the_published_figure_as_known(figure: Figure) -> None:
    assert agreement(figure.published, row(figure.recipe)[figure.ratio]) == figure.agreement


@each_figure
def test_the_recipe_states_the_published_figure(figure: Figure) -> None:
    assert getattr(load_recipe(figure.recipe).published, figure.ratio) == float(figure.published)


def test_34_of_the_42_figures_against_full_precision_match_to_the_printed_digit() -> None:
    against_fp = [figure for figure in FIGURES if figure.ratio.endswith("_fp")]
    matching = [f for f in against_fp if agreement(f.published, row(f.recipe)[f.ratio]) != "X"]
    assert (len(matching), len(against_fp)) == (34, 42)


@pytest.mark.parametrize("recipe", FLOAT_RECIPES)
def test_the_full_precision_network_has_ratio_one(recipe: str) -> None:
    assert (row(recipe)["energy_efficiency_fp"], row(recipe)["memory_compression_fp"]) == (1, 1)


# Totals behind the figures.


@pytest.mark.parametrize(
    ("recipe", "weights", "macs", "energy_pj"),
    [
        ("float_res", 276656, 40818944, 184871808),
        ("float_vgg", 39302848, 417415168, 4543392576),
        # With 100 outputs; the recipe has 1000 classes.
        ("imagenet/float_vgg", 139966144, 19628376064, 77011921728),
    ],
)
def test_totals_of_the_full_precision_networks(recipe: str, weights: int, macs: int, energy_pj: int) -> None:
    found = row(recipe)
    assert (found["weights"], found["macs"], found["memory_bits"]) == (weights, macs, 32 * weights)
    assert total_pj(cost(recipe).network) == energy_pj
    # One division, and 22 additions of layers: 23 roundings of 2**-53 at most.
    assert found["energy_uj"] == pytest.approx(energy_pj / 1e6, rel=1e-14)


def test_imagenet_networks_are_counted_with_100_outputs() -> None:
    network = network_of(load_recipe("imagenet/xnor_vgg"))
    counted = cost_of_network(network)
    assert (network.classes, counted.classes) == (1000, 100)
    last = counted.layers[-1]
    assert (last.layer.weights, last.memory_bits) == (4096 * 100, 32 * 4096 * 100)


def test_a_binary_classifier_of_imagenet_is_cut_too() -> None:
    part = NetworkRecipe(architecture="vgg19", placement=Placement(full_precision=("first",)))
    last = cost_of_network(build_network("test", part, 32, 3, 1000)).layers[-1]
    assert (last.layer.quantised_filters, last.memory_bits) == (100, 4096 * 100)


def test_hybrid_vgg_a_adds_weights_macs_and_31_bits_of_131072_elements() -> None:
    added_pj = total_pj(cost("hybrid_vgg_a").network) - total_pj(cost("xnor_vgg").network)
    # 65536 + 32768 + 2 * 16384 elements; 3 * 2097152 MACs.
    assert added_pj == 172032 * 80 + 6291456 * 3.25 + 131072 * 77.5


def test_hybrid_res_b_with_a_full_precision_stage_3_shortcut_rounds_to_the_same_figures() -> None:
    selectors = "[first, last, stage3, stage3_block1_shortcut]"
    override = f"network.placement.full_precision={selectors}"
    found = cost_of(load_recipe("hybrid_res_b", [override])).as_dict()
    ratios = (found["energy_efficiency_fp"], found["memory_compression_fp"])
    assert [f"{ratio:.4f}" for ratio in ratios] == ["2.6025", "1.2929"]


@pytest.mark.parametrize("name", ["hybrid_res_a", "hybrid_vgg_a"])
def test_thresholds_slopes_and_standardised_weights_cost_nothing(name: str) -> None:
    switches = ("network.thresholds=learned", "network.activation=rprelu", "network.standardise_weights=true")
    changed = cost_of(load_recipe(name, [*switches, "training.latent_weights.clip=false"]))
    counted, plain = (
        {key: value for key, value in each.as_dict().items() if not key.startswith("elementwise_")}
        for each in (changed, cost(name))
    )
    assert counted == plain


# The references.


def test_references_do_not_grow_with_the_recipes_width() -> None:
    narrow, wide = cost("xnor_res"), cost("xnor_res_x3")
    assert (wide.full_precision, wide.xnor) == (narrow.full_precision, narrow.xnor)
    assert narrow.network == narrow.xnor


def test_references_have_no_added_shortcuts() -> None:
    found = cost("hybrid_vgg_a")
    networks_ = (found.network, found.full_precision, found.xnor)
    assert [len(network.layers) for network in networks_] == [22, 19, 19]


def test_references_have_the_input_and_classes_of_the_recipe() -> None:
    found = cost("digits")
    for network in (found.network, found.full_precision, found.xnor):
        first = network.layers[0].layer
        assert (first.in_side, first.in_channels, network.classes) == ((16, 16), 1, 10)


@pytest.mark.parametrize("name", ["hybrid_res_a", "xnor_res", "hybrid_res_c"])
@pytest.mark.parametrize("rules", ["paper", "full"])
def test_a_pool_before_a_shortcut_costs_as_much_as_a_stride(name: str, rules: str) -> None:
    # It reads all pixels of the map, which the strided shortcut is said to read as well; the rest is the same.
    plain, pooled = (
        cost_of(load_recipe(name, [f"network.shortcut_pool={is_pooled}"]), load_rules(rules))
        for is_pooled in ("false", "true")
    )
    assert pooled.network.energy_uj == pytest.approx(plain.network.energy_uj)
    assert pooled.network.memory_bits == plain.network.memory_bits
