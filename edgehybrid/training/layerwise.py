r"""One object for each node of a network: its forward pass, what it keeps of it, and its backward pass by hand.

Maps between nodes are float16, their gradients bfloat16, which has the range of float32: gradients of a mean over a
batch are small. All sums, and the convolutions themselves, are float32. What a node keeps, for each value of a map:

=================================  ==========================================
BatchNorm                          the sign of its result: 1 bit
quantised layer                    the sign it multiplies, and whether the value is inside (-1, 1): 2 bits; 1 where it
                                   reads a BatchNorm, which has kept that sign
ReLU                               whether the value is positive: 1 bit
2×2 max pool                       which of four was the largest: 2 bits for four values
full-precision layer               the value: 16 bits
addition, average pool, flatten    nothing
=================================  ==========================================

Nodes run one by one, not as one graph: a map is freed when the last node that reads it has run. What a node computes
between its convolutions is compiled to one walk over memory, which makes no other map on the way.

Source: Wang et al. 2021 (arXiv:2102.04270), Algorithm 2, with gradients of maps in 16 bits.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from edgehybrid.model.compat import tf
from edgehybrid.networks import Network, Node
from edgehybrid.training import walks
from edgehybrid.training.kernel_passes import Gradient, RealLayerPass, SignLayerPass
from edgehybrid.training.walks import GRADIENT, MAP

Kept = Any


class LayerPass(Protocol):
    """What each of the classes below does."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """The node's map, and what ``backward`` needs."""

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """Gradients of the maps that the node read (None: no one needs it), and of its variables."""


def layer_pass(node: Node, network: Network, model: Any) -> LayerPass:
    """The object for a node, over the variables of the Keras model."""
    if node.op == "batch_norm":
        return BatchNormPass(model.get_layer(node.name))
    if node.op == "layer":
        layer, keras_layer = network.layer(node.name), model.get_layer(node.name)
        reads_image = node.inputs[0] == "image"
        if layer.is_float:
            return RealLayerPass(layer, keras_layer.kernel, reads_image)
        return SignLayerPass(layer, keras_layer.latent_kernel, network.pad_value, reads_image)
    simple: dict[str, Callable[[], LayerPass]] = {
        "relu": ReluPass,
        "max_pool": MaxPoolPass,
        "global_average_pool": AveragePoolPass,
        "flatten": FlattenPass,
        "add": AddPass,
    }
    return simple[node.op]()


class BatchNormPass:
    r"""BatchNorm by the mean absolute deviation, without a slope; per channel, over the batch and all positions:

    $$\mu = \overline{y}, \quad \psi = \sqrt{\overline{|y - \mu|}^2 + \epsilon}, \quad
      x = \frac{y - \mu}{\psi} + \beta$$

    and with $s = \operatorname{sign}(x)$, $\bar w = \overline{|y - \mu|} / \psi$, $v = \partial L / \partial x / \psi$

    $$\frac{\partial L}{\partial y} = v - \overline{v} - s \, \bar w \, \overline{v s}, \qquad
      \frac{\partial L}{\partial \beta} = \sum \frac{\partial L}{\partial x}$$

    ε is the Keras layer's. The moving average of ψ is kept as its square in the layer's ``moving_variance``, less ε, so
    that the Keras layer, whose gamma stays 1, computes x from the averages:

        (y - moving_mean) / sqrt(moving_variance + ε) + beta

    Source: Wang et al. 2021, Algorithm 2; s with beta, as only the sign of x is kept.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        layer, (y,) = self._layer, maps
        mean = walks.channel_means(y)
        magnitude = walks.channel_deviations(y, mean)
        deviation = tf.sqrt(tf.square(magnitude) + float(layer.epsilon))
        x = walks.normalised(y, mean, deviation, layer.beta)
        layer.moving_mean.assign(_moved(layer.moving_mean, mean, layer.momentum))
        average = _moved(tf.sqrt(layer.moving_variance + layer.epsilon), deviation, layer.momentum)
        layer.moving_variance.assign(tf.square(average) - layer.epsilon)
        return x, NormKept(walks.packed_signs(x), deviation, magnitude / deviation)

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        of_beta, signed = walks.channel_sums(of_result), walks.signed_channel_sums(of_result, kept.bits)
        # Means of v and of v·s.
        places = of_result.shape.num_elements() // of_result.shape[-1]
        mean, signed_mean = of_beta / (places * kept.deviation), signed / (places * kept.deviation)
        of_map = walks.normalised_gradient(of_result, kept.bits, kept.deviation, mean, kept.share * signed_mean)
        return [of_map], [(self._layer.beta, of_beta)]


class NormKept(NamedTuple):
    """What BatchNorm keeps: the signs of its result; ψ and w̄, float32 (channels,)."""

    bits: Any
    deviation: Any
    share: Any


class ReluPass:
    """max(x, 0); its gradient is 0 at 0."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        (x,) = maps
        return tf.nn.relu(x), walks.positive(x)

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        return [walks.where_inside(of_result, kept)], []


class MaxPoolPass:
    """2×2, stride 2; an odd last row or column is left out. Of equal values the first, row by row, has the gradient."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        (x,) = maps
        y, row, column = walks.pooled(x)
        return y, PoolKept(row, column, tuple(x.shape))

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        return [walks.pooled_gradient(of_result, kept.row, kept.column, kept.shape)], []


class PoolKept(NamedTuple):
    """Whether the largest of four is in the second row, in the second column: bits; the shape of the map read."""

    row: Any
    column: Any
    shape: tuple[int, ...]


class AveragePoolPass:
    """The mean of each channel's map."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        (x,) = maps
        return tf.cast(tf.reduce_mean(tf.cast(x, tf.float32), axis=[1, 2]), MAP), tuple(x.shape)

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        of_pixel = tf.cast(tf.cast(of_result, tf.float32) / (kept[1] * kept[2]), GRADIENT)
        return [tf.broadcast_to(of_pixel[:, None, None], kept)], []


class FlattenPass:
    """A map as a vector."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        (x,) = maps
        return tf.reshape(x, [x.shape[0], -1]), tuple(x.shape)

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        return [tf.reshape(of_result, kept)], []


class AddPass:
    """The sum of two maps."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        one, other = maps
        return one + other, None

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        return [of_result, of_result], []


def _moved(average: Any, of_batch: Any, momentum: float) -> Any:
    return average + (of_batch - average) * (1 - momentum)
