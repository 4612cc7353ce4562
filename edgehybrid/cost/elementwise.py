"""What the nodes between the layers add to an inference: BatchNorm, RPReLU, sums, average pools, learned thresholds.

The paper's model has none of these, and no rule counts them: they are told beside the energy of the layers. It is
arithmetic and learned numbers alone, as if each node were computed where its map is written, and none were folded at
conversion; reading and writing the maps once more is not counted.
"""

from typing import NamedTuple

from edgehybrid.census.activation_memory import map_shapes
from edgehybrid.cost.energy import PJ_PER_UJ
from edgehybrid.cost.tables import EnergyTable
from edgehybrid.networks import FLOAT_BITS, Network

# For each element written: a multiplication, an addition, or both at once. Comparisons, as those of ReLU and of a
# maximum, are free, as those of quantisers and thermometers are. RPReLU subtracts, and then multiplies and adds.
_MACS = {"batch_norm": 1, "rprelu": 2, "add": 1}
# For each channel: BatchNorm, put together, is a factor and a term; RPReLU two terms and a slope.
_NUMBERS = {"batch_norm": 2, "rprelu": 3}


class Elementwise(NamedTuple):
    """Of all such nodes, for one image.

    Attributes:
        macs: multiply-adds of 32-bit numbers; a multiplication or an addition alone is one.
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
    shapes = map_shapes(network)
    macs = numbers = 0
    for node in network.graph:
        side, channels = shapes[node.name]
        written = side**2 * channels
        macs += _MACS.get(node.op, 0) * written
        numbers += _NUMBERS.get(node.op, 0) * channels
        if node.op == "average_pool":
            # 2×2: three additions and a multiplication.
            macs += 4 * written
        elif node.op == "global_average_pool":
            macs += shapes[node.inputs[0]][0] ** 2 * channels
    if network.learned_thresholds:
        # A threshold stands in the place of 0: it is compared with, too.
        numbers += sum(layer.in_channels for layer in network.layers if not layer.reads_real)
    return Elementwise(macs, numbers)
