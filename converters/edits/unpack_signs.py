"""A map of signs that is read in float32, too, is unpacked from its bits: one operator in place of the comparison.

    LceDequantize(LceQuantize(x)) = +1 where x ≥ 0, else -1

Left alone: what has no packed form beside it, and other values than -1 and +1.
"""

from converters.graph import Graph, Node, Value
from converters.quantisers import Quantiser, quantiser_of


def unpack_signs(graph: Graph) -> None:
    """Edits every chain of operators that computes signs whose bits are there."""
    packed = [node.output for node in graph.nodes if node.output.bits is not None]
    sources = {id(value.bits.source) for value in packed if value.bits is not None}
    for node in list(graph.nodes):
        value = node.output
        if value.type_name != "float32" or not (graph.readers(value) or graph.is_output(value)):
            continue
        quantiser = quantiser_of(graph, value)
        if not isinstance(quantiser, Quantiser) or id(quantiser.source) not in sources:
            continue
        for bits in packed:
            if _says(bits, quantiser):
                graph.insert_after(graph.producer(bits), [Node("LceDequantize", [bits], [value])])
                graph.nodes.remove(node)
                break
    graph.prune()


def _says(packed: Value, quantiser: Quantiser) -> bool:
    """Whether bits are those of exactly these numbers."""
    bits = packed.bits
    return (
        bits is not None
        and bits.source is quantiser.source
        and (quantiser.unit, quantiser.offset) == (1.0, 0.0)
        and quantiser.thresholds == (bits.threshold,)
        and not bits.is_complement
        and (*packed.shape[:-1], bits.channels) == quantiser.shape
    )
