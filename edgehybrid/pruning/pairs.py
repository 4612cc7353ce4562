"""Which filters of a network may go: those whose map one layer alone reads."""

from collections.abc import Sequence
from typing import NamedTuple

from edgehybrid.networks import Layer, Network

# What stands between two layers and keeps channels apart.
_CHANNELWISE = ("batch_norm", "relu", "rprelu", "max_pool", "average_pool", "flatten", "global_average_pool")


class Pair(NamedTuple):
    """A layer in full precision whose filters may go, and the only layer that reads its map."""

    layer: Layer
    reader: Layer


class Tied(NamedTuple):
    """A layer in full precision whose filters must stay, and why."""

    layer: Layer
    reason: str


def pairs_of(network: Network) -> tuple[list[Pair], list[Tied]]:
    """All layers in full precision but the classifier, in forward order."""
    readers: dict[str, list[str]] = {}
    for node in network.graph:
        for name in node.inputs:
            readers.setdefault(name, []).append(node.name)
    nodes = {node.name: node for node in network.graph}
    pairs: list[Pair] = []
    tied: list[Tied] = []
    for layer in network.layers[:-1]:
        if not layer.is_float:
            continue
        at: Sequence[str] = readers[layer.name]
        while len(at) == 1 and nodes[at[0]].op in _CHANNELWISE:
            at = readers[at[0]]
        if len(at) > 1:
            tied.append(Tied(layer, f"{' and '.join(at)} read its map"))
        elif nodes[at[0]].op == "add":
            tied.append(Tied(layer, f"its map is added to another in {at[0]}"))
        else:
            pairs.append(Pair(layer, network.layer(at[0])))
    return pairs, tied
