"""Filters may go where one layer alone reads their map; the others say why not."""

import pytest

from edgehybrid.networks import network_of
from edgehybrid.pruning.pairs import pairs_of
from edgehybrid.recipe import load_recipe

PLAIN = ("network.shortcut=none", "network.placement.full_precision=[all]")


@pytest.mark.parametrize(
    ("recipe", "overrides", "expected"),
    [
        ("hybrid_vgg_c", (), [("conv1", "conv2"), ("fc1", "fc2"), ("fc2", "fc3")]),
        ("xnor_vgg", (), [("conv1", "conv2")]),
        ("float_res", (), []),
        ("xnor_res", PLAIN[:1], [("conv1", "stage1_block1_conv1")]),
    ],
)
def test_the_pairs_of_a_network(recipe: str, overrides: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    pairs, _ = pairs_of(network_of(load_recipe(recipe, overrides)))
    assert [(pair.layer.name, pair.reader.name) for pair in pairs] == expected


def test_in_a_chain_every_filter_but_the_classifiers_may_go() -> None:
    for network in (load_recipe("float_vgg"), load_recipe("xnor_res", PLAIN)):
        built = network_of(network)
        pairs, tied = pairs_of(built)
        assert [pair.layer for pair in pairs] == list(built.layers[:-1])
        assert [pair.reader for pair in pairs] == list(built.layers[1:])
        assert tied == []


def test_what_shortcuts_tie_is_named_with_the_reason() -> None:
    network = network_of(load_recipe("hybrid_vgg_a"))
    pairs, tied = pairs_of(network)
    assert {pair.layer.name for pair in pairs}.isdisjoint(each.layer.name for each in tied)
    reasons = {each.layer.name: each.reason for each in tied}
    shortcuts = [layer.name for layer in network if layer.kind == "shortcut"]
    assert set(shortcuts) <= set(reasons)
    assert all("added to another" in reasons[name] or "read its map" in reasons[name] for name in shortcuts)
