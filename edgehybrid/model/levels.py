"""Layers of a network of levels: activations are 0, 1, 2 or 3 steps, weights ±1, and sums between them integers.

Source of all: Takahashi et al. 2024 (arXiv:2410.11553), sections 3.1 to 3.3; released code.
"""

from typing import Any

from edgehybrid.model.compat import keras, larq, tf
from edgehybrid.model.layers import LatentConv2D, pointwise_convolution

# The largest value of an activation.
TOP = 2.0
# Keeps an exact multiple of the step below itself, as in the released code; the paper's formula has none.
THERMOMETER_MARGIN = 1e-4
PIXEL_MAX = 255
LEVEL_BITS = 2
MOST_LEVEL = 2**LEVEL_BITS - 1


@larq.utils.register_keras_custom_object
class QuantizeLevels(larq.quantizers.Quantizer):
    r"""Rounds to one of n + 1 levels from 0 to 2, n = 2^bits - 1, and gives the level times ``step``:

    $$q(x) = \left\lfloor \frac{n}{2} \operatorname{clip}(x, 0, 2) + \frac{1}{2} \right\rfloor, \qquad
      y = \text{step} \cdot q$$

    $$\frac{\partial L}{\partial x} = \frac{n \cdot \text{step}}{2} \, g \,
      \bigl(1 + \delta \operatorname{sign}(g) (x - 2 q / n)\bigr) \text{ for } 0 \le x \le 2,
      \quad 0 \text{ elsewhere}$$

    with g the gradient of y. For 2 bits a level is reached at 1/3, 1 and 5/3; a step of 2/3 makes y an estimate of x,
    a step of 1 the level itself. δ > 0 is EWGS (Lee et al. 2021, arXiv:2104.00903), which pushes x towards or off its
    level by the sign of the gradient.

    Args:
        bits: of a level.
        step: what one level is worth.
        ewgs: δ.
    """

    low = 0.0

    def __init__(self, bits: int = 2, step: float = 1.0, ewgs: float = 0.0, **kwargs: Any) -> None:
        self.precision, self.step, self.ewgs = bits, step, ewgs
        super().__init__(**kwargs)

    @property
    def scale(self) -> float:
        """Levels in a unit of x."""
        return (2**self.precision - 1) / TOP

    def call(self, inputs: Any) -> Any:
        """The quantised tensor."""

        @tf.custom_gradient
        def quantised(x: Any) -> Any:
            return level_of(x, self.scale) * self.step, lambda upstream: gradient_of_level(
                upstream, x, self.scale, self.step, self.ewgs
            )

        return super().call(quantised(inputs))

    def get_config(self) -> dict[str, Any]:
        """Keras' constructor arguments."""
        return {**super().get_config(), "bits": self.precision, "step": self.step, "ewgs": self.ewgs}


def level_of(x: Any, scale: float) -> Any:
    """The level q of x, with ``scale`` levels in a unit."""
    return tf.floor(tf.clip_by_value(x, 0.0, TOP) * scale + 0.5)


def gradient_of_level(upstream: Any, x: Any, scale: float, step: float, ewgs: float) -> Any:
    """The gradient of x, for that of ``step`` times its level."""
    of_x = upstream * (scale * step)
    if ewgs:
        of_x *= 1 + ewgs * tf.sign(upstream) * (x - level_of(x, scale) / scale)
    return tf.where((x >= 0) & (x <= TOP), of_x, tf.zeros_like(x))


@larq.utils.register_keras_custom_object
class ScaledSign(larq.quantizers.Quantizer):
    r"""m_o·sign(W)_o of filters W (k, k, I, O), sign(0) = +1, with m_o = mean |W_o|, or one number for all filters:

    $$w_o = m_o \operatorname{sign}(W_o), \qquad \frac{\partial L}{\partial W} = \frac{\partial L}{\partial w}$$

    The gradient passes as it is: m_o is no function of W to it, and nothing is clipped.

    Args:
        shared_scale: p where the scale is 1/p for all filters; 0: the mean of each.
    """

    precision = 1

    def __init__(self, shared_scale: int = 0, **kwargs: Any) -> None:
        self.shared_scale = shared_scale
        super().__init__(**kwargs)

    def call(self, inputs: Any) -> Any:
        """The quantised filters."""

        @tf.custom_gradient
        def scaled(kernel: Any) -> Any:
            signs = tf.where(kernel >= 0, 1.0, -1.0)
            return signs * self.scales(kernel), lambda upstream: upstream

        return super().call(scaled(inputs))

    def scales(self, kernel: Any) -> Any:
        """m, shape (O,)."""
        if self.shared_scale:
            return tf.fill([kernel.shape[-1]], 1.0 / self.shared_scale)
        return tf.reduce_mean(tf.abs(kernel), axis=[0, 1, 2])

    def get_config(self) -> dict[str, Any]:
        """Keras' constructor arguments."""
        return {**super().get_config(), "shared_scale": self.shared_scale}


@larq.utils.register_keras_custom_object
class LevelConv2D(LatentConv2D):
    """Convolution of ``QuantizeLevels`` with filters of ``ScaledSign``, with a border of level 0.

    Input shape: (batch, height, width, I), float32. Output shape: (batch, height', width', filters), float32.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The hook of tf_keras' Conv2D; larq has quantised ``kernel``."""
        if self.kernel_size == (1, 1):
            return pointwise_convolution(inputs, kernel, self.strides[0])
        return super().convolution_op(inputs, kernel)

    def alpha(self) -> Any:
        """The scale of each filter, shape (filters,)."""
        return self.kernel_quantizer.scales(self.latent_kernel)

    def scaled_kernel(self) -> Any:
        """What is convolved with, shape (k, k, I, filters)."""
        return self.kernel_quantizer(self.latent_kernel)


@larq.utils.register_keras_custom_object
class Thermometer(keras.layers.Layer):
    r"""k channels of levels 0 … 3 of each colour. Channel i·colours + c holds, for i = 1 … k, v the pixel, 0 … 255:

    $$z = \left\lfloor \operatorname{clip}\left(\frac{v}{s k} - \frac{i}{k} + 1 - 10^{-4},\ 0,\ 3 \right) \right\rfloor,
      \qquad s = \max(1, \lfloor 255 / 3k \rfloor)$$

    So the k channels of a colour reach their levels at k different pixels each. What is given is 2 z / 3, which
    ``QuantizeLevels`` reads as the level z. No gradient: the image has none.

    Input shape: (batch, height, width, colours), float32, v / 255. Output shape: (batch, height, width, k·colours).

    Args:
        channels: k.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        self.channels = channels
        super().__init__(**kwargs)

    def call(self, inputs: Any) -> Any:
        """The formula above; exact for pixels that are whole numbers over 255."""
        k = self.channels
        step = max(1, PIXEL_MAX // (MOST_LEVEL * k)) * k
        parts = [inputs * (PIXEL_MAX / step) + (1 - THERMOMETER_MARGIN - i / k) for i in range(1, k + 1)]
        levels = tf.floor(tf.clip_by_value(tf.concat(parts, axis=-1), 0.0, float(MOST_LEVEL)))
        return levels * (TOP / MOST_LEVEL)

    def get_config(self) -> dict[str, Any]:
        """Keras' constructor arguments."""
        return {**super().get_config(), "channels": self.channels}
