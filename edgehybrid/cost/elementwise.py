"""What the nodes between the layers add to an inference: BatchNorm, RPReLU, sums, average pools, learned thresholds.

The paper's model has none of these, and no rule counts them: they are told beside the energy of the layers, as if
nothing were folded at conversion. So this is the most that they can cost, whatever a flatbuffer makes of them.
"""

from typing import NamedTuple

from edgehybrid.census.activation_memory import map_elements
from edgehybrid.cost.energy import PJ_PER_UJ
from edgehybrid.cost.tables import EnergyTable
from edgehybrid.networks import FLOAT_BITS, Network

# For each element written: a multiplication, an addition, or both at once. Comparisons, as those of ReLU and of a
# maximum, are free, as those of the signs are. RPReLU subtracts, and then multiplies and adds.
_MACS = {"batch_norm": 1, "rprelu": 2, "add": 1}
# For each channel: BatchNorm, put together, is a factor and a term; RPReLU two terms and a slope.
_NUMBERS = {"batch_norm": 2, "rprelu": 3}


class Elementwise(NamedTuple):
    """Of all such nodes, for one image.

    Attributes:
        macs: multiplications and additions of 32-bit numbers, two at once where one follows the other.
        numbers: learned ones that are read, each once.
    """

    macs: int
    numbers: int

    def energy_uj(self, table: EnergyTable) -> float:
        """Their energy, by what a table says of MACs and memory accesses of 32 bits.

        Raises:
            UsageError: the table lacks one of them.
        """
        mac, access = table.pj("float_mac", FLOAT_BITS), table.pj("memory_access", FLOAT_BITS)
        return (self.macs * mac + self.numbers * access) / PJ_PER_UJ


def elementwise_of(network: Network) -> Elementwise:
    """Counts the nodes between the layers of a network."""
    elements, channels = map_elements(network), channels_of(network)
    macs = numbers = 0
    for node in network.graph:
        written = elements[node.name]
        macs += _MACS.get(node.op, 0) * written
        numbers += _NUMBERS.get(node.op, 0) * channels[node.name]
        if node.op == "average_pool":
            # 2×2: three additions, and a fourth with the factor.
            macs += 4 * written
        elif node.op == "global_average_pool":
            macs += elements[node.inputs[0]]
    if network.learned_thresholds:
        # A threshold stands in the place of 0: it is compared with, too.
        numbers += sum(
            layer.in_channels for layer in network.layers if layer.quantised_filters and not layer.reads_real
        )
    return Elementwise(macs, numbers)


def channels_of(network: Network) -> dict[str, int]:
    """Channels of the image and of the output of each node, by name."""
    layers = {layer.name: layer.out_channels for layer in network.layers}
    elements = map_elements(network)
    found = {"image": network.image_channels}
    for node in network.graph:
        kept = found[node.inputs[0]]
        own = {"layer": layers.get(node.name, kept), "flatten": elements[node.name]}
        found[node.name] = own.get(node.op, kept)
    return found
