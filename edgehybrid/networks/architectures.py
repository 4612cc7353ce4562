"""The table of architectures: the value of ``network.architecture``, and what knows its layers."""

from collections.abc import Mapping
from typing import Protocol

from edgehybrid.networks import ern, moons, vgg19
from edgehybrid.networks.network import Layer, Node
from edgehybrid.networks.resnet import Resnet
from edgehybrid.recipe import NetworkRecipe


class Architecture(Protocol):
    """What knows the layers of an architecture."""

    def layers(self, part: NetworkRecipe, image_side: int, image_channels: int, classes: int) -> tuple[Layer, ...]:
        """The layers in forward order, precision not yet assigned.

        Raises:
            RecipeError: the architecture does not know a switch of ``part``, or cannot read such images.
        """

    def graph(self, part: NetworkRecipe, layers: tuple[Layer, ...]) -> tuple[Node, ...]:
        """The forward pass over layers that have their precision."""


ARCHITECTURES: Mapping[str, Architecture] = {
    "resnet20": Resnet(blocks=3),
    "resnet32": Resnet(blocks=5),
    "vgg19": vgg19,
    "moons": moons,
    "ern": ern,
}
