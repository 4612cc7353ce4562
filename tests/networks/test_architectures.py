"""Every architecture that a recipe can name: layers without a precision yet, and a graph over them."""

from typing import get_args

import pytest

from edgehybrid.networks import FLOAT_BITS
from edgehybrid.networks.architectures import ARCHITECTURES, Architecture
from edgehybrid.networks.placement import place
from edgehybrid.recipe import NetworkRecipe, Placement

# What an architecture has no default for.
NEEDED = {"moons": {"block_convolutions": [1, 2, 3], "block_filters": [8, 4, 2]}}


@pytest.fixture(params=ARCHITECTURES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def architecture(name: str) -> Architecture:
    return ARCHITECTURES[name]


@pytest.fixture
def part(name: str) -> NetworkRecipe:
    return NetworkRecipe.model_validate({"architecture": name, **NEEDED.get(name, {})})


def test_every_name_that_a_recipe_allows_has_its_module() -> None:
    assert set(ARCHITECTURES) == set(get_args(NetworkRecipe.model_fields["architecture"].annotation))


def test_no_layer_has_a_precision_yet(architecture: Architecture, part: NetworkRecipe) -> None:
    for layer in architecture.layers(part, 32, 3, 10):
        assert (layer.weight_bits, layer.activation_bits, layer.float_filters) == (FLOAT_BITS, FLOAT_BITS, 0)
        assert layer.reason == ""


def test_layers_have_names_of_their_own_and_the_placement_does_not_change_them(
    architecture: Architecture, part: NetworkRecipe
) -> None:
    layers = architecture.layers(part, 32, 3, 10)
    assert len({layer.name for layer in layers}) == len(layers)
    other = part.model_copy(update={"placement": Placement(full_precision=("all",))})
    assert architecture.layers(other, 32, 3, 10) == layers


@pytest.mark.parametrize(("side", "channels", "classes"), [(32, 3, 10), (224, 3, 1000), (45, 1, 2)])
def test_the_first_layer_reads_the_image_and_the_last_gives_the_classes(
    architecture: Architecture, part: NetworkRecipe, side: int, channels: int, classes: int
) -> None:
    first, *_, last = architecture.layers(part, side, channels, classes)
    # A network of levels reads channels of levels of each colour, and classifies at every pixel.
    has_levels = part.architecture == "ern"
    assert first.in_side == side
    assert first.in_channels == channels * (part.ern.thermometer_channels if has_levels else 1)
    assert (last.kind, last.out_channels) == ("conv" if has_levels else "dense", classes)


def test_the_placement_changes_neither_the_layers_of_the_graph_nor_their_order(
    architecture: Architecture, part: NetworkRecipe
) -> None:
    bare = architecture.layers(part, 32, 3, 10)
    quantised, real = (
        architecture.graph(part, place(bare, Placement(full_precision=names))) for names in (("first",), ("all",))
    )
    order = [[node.name for node in graph if node.op == "layer"] for graph in (quantised, real)]
    assert order[0] == order[1]
    assert sorted(order[0]) == sorted(layer.name for layer in bare)
