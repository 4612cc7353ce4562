"""Quantizers for weights and activations: the sign; k bits, symmetric about 0 or as fixed-point numbers."""

import math
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

    Attributes:
        low, high: what numbers are clipped to.
    """

    def __init__(self, bits: int, clip: bool = True, **kwargs: Any) -> None:
        self.precision, self.clip = bits, clip
        self.low, self.high = (-1.0, 1.0) if clip else (-math.inf, math.inf)
        super().__init__(**kwargs)

    def call(self, inputs: Any) -> Any:
        """The quantised tensor."""
        quantised = quantize_k if self.clip else quantize_k_unclipped
        return super().call(quantised(inputs, tf.constant(2.0**self.precision - 1.0, inputs.dtype)))

    def get_config(self) -> dict[str, Any]:
        """Keras' constructor arguments."""
        return {**super().get_config(), "bits": self.precision, "clip": self.clip}


@tf.custom_gradient
def round_to_fixed_point(x: Any, steps: Any, low: Any, high: Any) -> Any:
    r"""Rounds to a whole multiple of 1 / m, m = ``steps``, and clips to [``low``, ``high``]:

    $$q(x) = \operatorname{clip}\left(\frac{\operatorname{round}(m x)}{m}, low, high\right), \qquad
      \frac{\partial q}{\partial x} = 1 \text{ where nothing is clipped,} \quad 0 \text{ elsewhere}$$

    A tie rounds to the even multiple. m is a power of two, so nothing else is rounded.

    Args:
        x: float tensor of any shape.
        steps, low, high: float scalars.
    """
    rounded = tf.round(x * steps) / steps

    def gradient(upstream: Any) -> tuple[Any, None, None, None]:
        return tf.where((rounded >= low) & (rounded <= high), upstream, tf.zeros_like(upstream)), None, None, None

    return tf.clip_by_value(rounded, low, high), gradient


@larq.utils.register_keras_custom_object
class FixedPoint(larq.quantizers.Quantizer):
    """``round_to_fixed_point`` as a Larq quantizer: numbers of one bit before the point and k - 1 behind it.

    With m = 2^(k-1) weights are the two's complement numbers -1, -1 + 1/m, … 1 - 1/m. Activations are those from 0 on:
    a ReLU of m values, which needs no bit for a sign.

    The released code writes activations as ``clip(2 round(2^k clip((x + 1) / 2, 0, 1)) / 2^k - 1, 0, 1 - 1/m)``, the
    same numbers and the same gradient: 2^k (x + 1) / 2 is m x + m, and m is even.

    Args:
        bits: k, 2 … 8. One bit would leave weights -1 and 0, and activations 0 alone; ``fixed_point`` has the sign
            there.
        rectified: whether there are no numbers below 0.

    Attributes:
        low, high: what numbers are clipped to.

    Source: Moons et al. 2017 (arXiv:1711.00215), released code.
    """

    def __init__(self, bits: int, rectified: bool = False, **kwargs: Any) -> None:
        self.precision, self.rectified, self.steps = bits, rectified, 2.0 ** (bits - 1)
        self.low, self.high = (0.0 if rectified else -1.0), 1.0 - 1.0 / self.steps
        super().__init__(**kwargs)

    def call(self, inputs: Any) -> Any:
        """The quantised tensor."""
        numbers = (tf.constant(number, inputs.dtype) for number in (self.steps, self.low, self.high))
        return super().call(round_to_fixed_point(inputs, *numbers))

    def get_config(self) -> dict[str, Any]:
        """Keras' constructor arguments."""
        return {**super().get_config(), "bits": self.precision, "rectified": self.rectified}


def quantizer(bits: int, clip: bool = True) -> Any:
    """The quantizer for ``bits``: the sign with the gradient 1 for |x| ≤ 1 for one bit, else ``QuantizeK``.

    One bit is Larq's own ``SteSign``: the Larq Compute Engine recognises it and packs it.
    """
    return larq.quantizers.SteSign(clip_value=1.0) if bits == 1 else QuantizeK(bits, clip)


def fixed_point(bits: int, rectified: bool = False) -> Any:
    """The fixed-point quantizer for ``bits``: for one bit the sign, else ``FixedPoint``.

    The released code has a sign for one bit, too, of weights and activations: ``2 round(clip((x + 1) / 2, 0, 1)) - 1``,
    with the gradient 1 for |x| ≤ 1. There a tie rounds to 0, so that 0 becomes -1; here sign(0) is +1 as everywhere,
    for packed bits know no other.
    """
    return quantizer(1) if bits == 1 else FixedPoint(bits, rectified)
