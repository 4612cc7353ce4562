"""The full-precision twin of a recipe: the honest rival of a hybrid network."""

from dataclasses import replace

from edgehybrid.networks.network import Network, Node
from edgehybrid.recipe import Placement, Recipe

FULL_PRECISION = Placement(full_precision=("all",))


def float_twin(recipe: Recipe) -> Recipe:
    """The recipe of the same topology with every layer in full precision and every quantiser a ReLU (or RPReLU)."""
    network = recipe.network.model_copy(update={"placement": FULL_PRECISION})
    return recipe.model_copy(
        update={
            "name": f"{recipe.name}_float",
            "description": f"Full-precision twin of {recipe.name}",
            "published": None,
            "network": network,
        }
    )


def without_batch_norm(network: Network) -> Network:
    """The network with every BatchNorm taken out, and every ReLU that then reads a map with no negative numbers.

    Whoever read such a node reads what it read. LiteRT has an int8 kernel of its own for a ReLU that it cannot fuse,
    slower than the convolution before it.
    """
    source: dict[str, str] = {}
    positive: set[str] = set()
    graph: list[Node] = []
    for node in network.graph:
        inputs = tuple(source.get(name, name) for name in node.inputs)
        keeps_sign = node.op in (
            "add",
            "max_pool",
            "average_pool",
            "global_average_pool",
            "flatten",
        ) and positive.issuperset(inputs)
        if node.op == "batch_norm" or (node.op == "relu" and inputs[0] in positive):
            source[node.name] = inputs[0]
            continue
        if node.op == "relu" or keeps_sign:
            positive.add(node.name)
        graph.append(replace(node, inputs=inputs))
    return replace(network, graph=tuple(graph))
