"""Names of layers in place of TensorFlow's, which list every operator that a converter fused: up to 400 bytes each."""

from converters.graph import Graph


def shorten_names(graph: Graph) -> None:
    """``net/relu/Relu;net/conv1_bn/FusedBatchNormV3;net/conv1/Conv2D`` becomes ``conv1``, the layer that computed it.

    ``Value.computes`` keeps the long one. Inputs and outputs keep their names, by which an interpreter's user may ask
    for them; constants need none.
    """
    kept = {id(value) for value in (*graph.inputs, *graph.outputs)}
    for value in graph.values():
        if not value.is_constant:
            value.computes = value.name
        if id(value) not in kept:
            value.name = "" if value.is_constant else layer_name(value.name)


def layer_name(name: str) -> str:
    """The layer in a tensor's name as TensorFlow's converter writes it; a shorter name as it is."""
    first_computed = name.split(";")[-1]
    parts = first_computed.split("/")
    return "/".join(parts[1:-1]) if len(parts) > 2 else first_computed
