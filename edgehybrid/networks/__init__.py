"""Recipe → ``Network``: topology (one module an architecture), then the precision of each layer (placement.py)."""

from edgehybrid.networks.build import build_network, network_of
from edgehybrid.networks.network import Layer, Network, Node
from edgehybrid.networks.trainable import check_trainable
from edgehybrid.networks.twin import FULL_PRECISION, float_twin, without_batch_norm
from edgehybrid.recipe.network import FLOAT_BITS

__all__ = [
    "FLOAT_BITS",
    "FULL_PRECISION",
    "Layer",
    "Network",
    "Node",
    "build_network",
    "check_trainable",
    "float_twin",
    "network_of",
    "without_batch_norm",
]
