"""What ReActNet learns for each channel: where a sign changes, and where and how steeply a ReLU bends."""

from typing import Any

from edgehybrid.model.compat import keras, larq, tf


@larq.utils.register_keras_custom_object
class LearnedThreshold(keras.layers.Layer):
    r"""Subtracts a learned threshold from each channel. With the sign that follows it is ReActNet's RSign:

    $$y_c = \operatorname{sign}(x_c - t_c), \qquad
      \frac{\partial L}{\partial t_c} = -\sum \frac{\partial L}{\partial x_c}$$

    with the sum over batch and map, and the sign's own gradient, 1 for |x_c - t_c| ≤ 1, in ∂L/∂x_c. At
    x_c = t_c the sign is +1, as sign(0) everywhere here; the paper has -1. The thresholds start at 0.

    The difference is a layer of its own so that the sign stays larq's, which the converter packs. Directly after a
    quantised convolution and its BatchNorm it becomes part of that convolution's integer thresholds, and costs
    nothing; after a pool or a sum of maps it is a subtraction.

    Input and output shape: (..., channels), float32.

    Source: Liu et al. 2020 (ReActNet, arXiv:2003.03488).
    """

    def build(self, input_shape: Any) -> None:
        """Adds t, shape (channels,)."""
        self.threshold = self.add_weight(name="threshold", shape=(input_shape[-1],), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """``inputs - t``."""
        return inputs - self.threshold


@larq.utils.register_keras_custom_object
class RPReLU(keras.layers.Layer):
    r"""ReActNet's RPReLU, a ReLU with learned shifts gamma and zeta and slope beta for each channel:

    $$f(x_c) = \begin{cases} x_c - \gamma_c + \zeta_c & x_c > \gamma_c \\
      \beta_c (x_c - \gamma_c) + \zeta_c & x_c \le \gamma_c \end{cases}$$

    $$\frac{\partial f}{\partial x_c} = [x_c > \gamma_c] + \beta_c [x_c < \gamma_c], \quad
      \frac{\partial f}{\partial \gamma_c} = -\frac{\partial f}{\partial x_c}, \quad
      \frac{\partial f}{\partial \beta_c} = \min(x_c - \gamma_c, 0), \quad
      \frac{\partial f}{\partial \zeta_c} = 1$$

    At x_c = gamma_c itself the gradient with respect to x_c is 0, as that of TensorFlow's ReLU. Shifts start at 0,
    slopes at 0.25, as in PReLU (He et al. 2015, arXiv:1502.01852).

    Input and output shape: (batch, ..., channels), float32.

    Source: Liu et al. 2020 (ReActNet, arXiv:2003.03488).
    """

    def build(self, input_shape: Any) -> None:
        """Adds gamma and zeta, shape (channels,), and beta, shape (1, 1, channels) for maps."""
        channels = (input_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=channels, initializer="zeros")
        self.zeta = self.add_weight(name="zeta", shape=channels, initializer="zeros")
        # The converter makes one PRELU of the form in call() only when the slope has the axes of a map; and a shift
        # that has them becomes a bias of three axes in the convolution before, which the Larq Compute Engine 0.16
        # refuses to load.
        slopes = (*(1 for _ in input_shape[1:-1]), *channels)
        self.beta = self.add_weight(name="beta", shape=slopes, initializer=keras.initializers.Constant(0.25))
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """The formula above."""
        return self.raised(self.bent(self.shifted(inputs)))

    def shifted(self, inputs: Any) -> Any:
        """x - gamma, which the converter may make a part of the layer before."""
        return inputs - self.gamma

    def bent(self, shifted: Any) -> Any:
        """The PReLU of it."""
        return tf.nn.relu(shifted) + -self.beta * tf.nn.relu(-shifted)

    def raised(self, bent: Any) -> Any:
        """That plus zeta, which the converter may make a part of the layer behind."""
        return bent + self.zeta
