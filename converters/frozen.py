"""A model as one TensorFlow graph of operators and constants: what is left of it where Keras 2 has no layers of it."""

from collections.abc import Sequence
from typing import Any

from edgehybrid.model.compat import tf


class FrozenModel:
    """A function of one image, called as a Keras model is.

    Attributes:
        function: of (1, height, width, channels), float32; variables are constants of its graph.
        name: for messages.
        variables: none.
    """

    variables: Sequence[Any] = ()

    def __init__(self, infer: Any, input_shape: tuple[int, ...], name: str) -> None:
        """Traces and freezes.

        Args:
            infer: a TensorFlow function of a batch, which gives logits.
            input_shape: (height, width, channels).
        """
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        self.name = name
        self.input_shape = (None, *input_shape)
        signature = tf.TensorSpec([1, *input_shape], tf.float32, name="image")
        frozen = convert_variables_to_constants_v2(
            tf.function(infer, input_signature=[signature]).get_concrete_function()
        )
        names = [[tensor.name for tensor in tensors] for tensors in (frozen.inputs, frozen.outputs)]
        imported = tf.compat.v1.wrap_function(
            lambda: tf.graph_util.import_graph_def(_data_flow(frozen.graph.as_graph_def()), name=""), []
        )
        self.function = imported.prune(*([imported.graph.get_tensor_by_name(name) for name in of] for of in names))

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """With None in place of the batch."""
        return (None, *tuple(self.function.outputs[0].shape)[1:])

    def operators(self) -> set[str]:
        """The kinds of operators that it has."""
        return {operation.type for operation in self.function.graph.get_operations()}

    def types(self) -> dict[str, str]:
        """Every operator that gives numbers → their type."""
        return {
            operation.name: operation.outputs[0].dtype.name
            for operation in self.function.graph.get_operations()
            if operation.outputs
        }

    def __call__(self, images: Any, training: bool = False) -> Any:
        """Logits of images (n, height, width, channels), one by one."""
        if images.shape[0] == 1:
            (logits,) = self.function(tf.convert_to_tensor(images))
            return logits
        return tf.concat([self(images[index : index + 1]) for index in range(images.shape[0])], axis=0)


def _data_flow(graph: Any) -> Any:
    """The graph without the order of side effects, of which it has none, and without its gradients."""
    for node in graph.node:
        kept = [name for name in node.input if not name.startswith("^")]
        del node.input[:]
        node.input.extend(kept)
        node.attr.pop("_gradient_op_type", None)
    return graph
