"""Max-pools before a quantiser become pools of bits.

sign(max(x)) = max(sign(x)): the sign rises with its argument, so it may be taken first, of every pixel, and the maximum
of signs is the AND of their bits, 1 standing for -1. The map is then never stored in full precision.

Left alone: pools that something else reads, too; those of several planes, whose float map a quarter of the size is
cheaper than planes of the whole; and those with an activation that changes signs, a clip at 0 or above.
"""

from converters.graph import Bits, Graph, Node, Value
from converters.quantisers import ACTIVATIONS


def pack_pools(graph: Graph) -> None:
    """MAX_POOL_2D → LceQuantize becomes LceQuantize → LceBMaxPool2d."""
    for pool in [node for node in graph.nodes if node.op == "MAX_POOL_2D"]:
        readers = graph.readers(pool.output)
        source = pool.read(0)
        if graph.is_output(pool.output) or [reader.op for reader in readers] != ["LceQuantize"] or source is None:
            continue
        low, high = ACTIVATIONS.get(pool.options.get("fused_activation_function", 0), (0.0, 0.0))
        if not low < 0 <= high:
            continue
        bits = readers[0].output
        packed = Value(f"{source.name}/bits", (*source.shape[:-1], bits.shape[-1]), "int32")
        packed.bits = Bits(source, 0.0, False, source.shape[-1])
        pooled = Value(bits.name, bits.shape, "int32")
        options = pool.options
        graph.insert_after(
            pool,
            [
                Node("LceQuantize", [source], [packed]),
                Node(
                    "LceBMaxPool2d",
                    [packed],
                    [pooled],
                    {
                        "filter_height": int(options["filter_height"]),
                        "filter_width": int(options["filter_width"]),
                        "padding": int(options.get("padding", 0)),
                        "stride_height": int(options["stride_h"]),
                        "stride_width": int(options["stride_w"]),
                    },
                ),
            ],
        )
        graph.replace(bits, pooled)
    graph.prune()
