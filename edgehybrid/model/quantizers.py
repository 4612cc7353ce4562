"""Quantizers for weights and activations: the sign, and k bits."""

from typing import Any

from edgehybrid.model.compat import larq, tf


@tf.custom_gradient
def quantize_k(x: Any, levels: Any) -> Any:
    r"""Rounds to one of ``levels + 1`` evenly spaced values in [-1, 1], with n = ``levels`` = 2^k - 1:

    $$q_k(x) = 2 \left( \frac{\lfloor n (x + 1) / 2 + 1/2 \rfloor}{n} - \frac{1}{2} \right),
      \quad x\ \text{clipped to } [-1, 1]$$

    $$\frac{\partial q_k}{\partial x} = 1 \text{ for } |x| \le 1, \quad 0 \text{ elsewhere}$$

    A tie rounds up, so that q_1 is the sign with sign(0) = sign(-0.0) = +1, and q_2 has the values -1, -1/3, 1/3, 1.

    Args:
        x: float tensor of any shape.
        levels: float scalar, 2^k - 1.

    Source: Rastegari et al. 2016, section 3.2 (rounding; Chakraborty et al. 2019, section 2.4, print a floor, which
    would reach +1 at x = 1 only).
    """
    steps = tf.floor((tf.clip_by_value(x, -1.0, 1.0) + 1.0) * (levels / 2.0) + 0.5)

    def gradient(upstream: Any) -> tuple[Any, None]:
        return tf.where(tf.abs(x) <= 1.0, upstream, tf.zeros_like(upstream)), None

    return steps * (2.0 / levels) - 1.0, gradient


@tf.custom_gradient
def quantize_k_unclipped(x: Any, levels: Any) -> Any:
    r"""``quantize_k`` of numbers that are not clipped: beyond ±1 the steps go on, and the gradient is 1 everywhere.

    So there are more than 2^k values, which no k bits hold: a network that is trained like this cannot be packed.
    Source: Chakraborty et al. 2020 (arXiv:1906.01493), released code, activations of k > 1 bits.
    """
    steps = tf.floor((x + 1.0) * (levels / 2.0) + 0.5)
    return steps * (2.0 / levels) - 1.0, lambda upstream: (upstream, None)


@larq.utils.register_keras_custom_object
class QuantizeK(larq.quantizers.Quantizer):
    """``quantize_k`` as a Larq quantizer.

    Args:
        bits: k, 1 … 8.
        clip: whether numbers are clipped to [-1, 1] first, see ``quantize_k_unclipped``.
    """

    def __init__(self, bits: int, clip: bool = True, **kwargs: Any) -> None:
        self.precision, self.clip = bits, clip
        super().__init__(**kwargs)

    def call(self, inputs: Any) -> Any:
        """The quantised tensor."""
        quantised = quantize_k if self.clip else quantize_k_unclipped
        return super().call(quantised(inputs, tf.constant(2.0**self.precision - 1.0, inputs.dtype)))

    def get_config(self) -> dict[str, Any]:
        """Keras' constructor arguments."""
        return {**super().get_config(), "bits": self.precision, "clip": self.clip}


def quantizer(bits: int, clip: bool = True) -> Any:
    """The quantizer for ``bits``: the sign with the gradient 1 for |x| ≤ 1 for one bit, else ``QuantizeK``.

    One bit is Larq's own ``SteSign``: the Larq Compute Engine recognises it and packs it.
    """
    return larq.quantizers.SteSign(clip_value=1.0) if bits == 1 else QuantizeK(bits, clip)
