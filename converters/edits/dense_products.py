"""A vector times a constant matrix becomes the dense layer that it is.

FULLY_CONNECTED reads the matrix with a row for each output, and adds the same products:

    BATCH_MATMUL: y_o = sum_i x_i M_io        FULLY_CONNECTED: y_o = sum_i W_oi x_i        W = Mᵀ

TensorFlow's converter writes the product where it has not computed the matrix, as that of a large quantised layer.

Left alone: products of several maps or matrices, of a map that is turned, and of other types than float32.
"""

import numpy as np

from converters.graph import Graph, Node, constant


def make_dense(graph: Graph) -> None:
    """BATCH_MATMUL of (1, inputs) and a constant (inputs, outputs) becomes FULLY_CONNECTED."""
    for place, node in enumerate(graph.nodes):
        matrix, vector = node.constant(1), node.read(0)
        if node.op != "BATCH_MATMUL" or matrix is None or vector is None or vector.is_constant:
            continue
        is_vector = len(vector.shape) == 2 and not node.options.get("adj_x", False)
        if not is_vector or matrix.ndim != 2 or matrix.dtype != np.float32:
            continue
        weights = constant("", matrix if node.options.get("adj_y", False) else np.ascontiguousarray(matrix.T))
        graph.nodes[place] = Node("FULLY_CONNECTED", [vector, weights, None], node.outputs)
