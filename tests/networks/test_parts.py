"""The names of a layer's parts, by which operators are told from each other."""

import pytest

from edgehybrid.networks import network_of
from edgehybrid.networks.parts import float_part, plane_part, quantised_part
from edgehybrid.recipe import load_recipe, recipe_names

# Four products for 2-bit weights with 2-bit activations; 64 for the most bits.
MOST_PLANES = 64


@pytest.mark.parametrize("name", recipe_names())
def test_no_part_of_a_network_has_the_name_of_another(name: str) -> None:
    layers = [layer.name for layer in network_of(load_recipe(name))]
    names = list(layers)
    for layer in layers:
        names += [float_part(layer), quantised_part(layer)]
        for half in (layer, quantised_part(layer)):
            names += [plane_part(half, number) for number in range(1, MOST_PLANES + 1)]
    assert len(set(names)) == len(names)
