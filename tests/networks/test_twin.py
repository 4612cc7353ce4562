"""The full-precision twin of a recipe, and a network without its BatchNorms."""

import pytest

from edgehybrid.networks import float_twin, network_of, without_batch_norm
from edgehybrid.recipe import Recipe, load_recipe, recipe_names

NAMES = recipe_names()


def twin_of(name: str) -> tuple[Recipe, Recipe]:
    recipe = load_recipe(name)
    return recipe, float_twin(recipe)


@pytest.mark.parametrize("name", NAMES)
def test_twin_is_the_same_topology_in_full_precision(name: str) -> None:
    recipe, twin = twin_of(name)
    ours, theirs = network_of(recipe), network_of(twin)
    assert all(layer.is_float and not layer.is_split for layer in theirs)
    assert (ours.weights, ours.macs) == (theirs.weights, theirs.macs)
    assert [layer.name for layer in ours] == [layer.name for layer in theirs]


def test_twin_has_a_relu_before_every_layer_that_has_a_quantiser() -> None:
    recipe, twin = twin_of("hybrid_vgg_a")
    quantised = [layer.name for layer in network_of(recipe) if not layer.is_float]
    nodes = {node.name: node for node in network_of(twin).graph}
    assert all(nodes[nodes[name].inputs[0]].op == "relu" for name in quantised)


def test_twin_trains_as_the_recipe_does_and_claims_no_published_figures() -> None:
    recipe, twin = twin_of("hybrid_res_a")
    assert (twin.training, twin.data) == (recipe.training, recipe.data)
    assert (twin.name, twin.published) == ("hybrid_res_a_float", None)


def test_twin_of_the_twin_is_the_same_network() -> None:
    _, twin = twin_of("hybrid_res_c")
    assert network_of(float_twin(twin)).layers == network_of(twin).layers


@pytest.mark.parametrize("name", NAMES)
def test_without_batch_norm_the_same_layers_make_a_whole_graph(name: str) -> None:
    network = network_of(float_twin(load_recipe(name)))
    bare = without_batch_norm(network)
    assert bare.layers == network.layers
    assert "batch_norm" not in {node.op for node in bare.graph}
    assert [node.name for node in bare.graph if node.op == "layer"] == [
        node.name for node in network.graph if node.op == "layer"
    ]
    known = {"image"}
    for node in bare.graph:
        assert set(node.inputs) <= known, node.name
        known.add(node.name)
    assert {source for node in bare.graph for source in node.inputs} == known - {bare.graph[-1].name}


@pytest.mark.parametrize("name", NAMES)
def test_without_batch_norm_no_relu_reads_what_is_positive_already(name: str) -> None:
    bare = without_batch_norm(network_of(float_twin(load_recipe(name))))
    positive: set[str] = set()
    for node in bare.graph:
        if node.op == "relu":
            assert node.inputs[0] not in positive, node.name
        if node.op == "relu" or (node.op not in ("layer", "rprelu") and positive.issuperset(node.inputs)):
            positive.add(node.name)


def test_a_network_without_batch_norm_is_left_as_it_is() -> None:
    bare = without_batch_norm(network_of(float_twin(load_recipe("hybrid_res_a"))))
    assert without_batch_norm(bare) == bare
