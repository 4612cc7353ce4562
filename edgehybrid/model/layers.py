"""The quantised convolution with its scale, and what is done to its latent weights."""

from typing import Any

from edgehybrid.model.compat import keras, larq, tf

STANDARDISATION_EPSILON = 1e-8


def pointwise_convolution(x: Any, kernel: Any, stride: int) -> Any:
    """1×1 convolution with a stride, with TensorFlow's values and gradients by a safe path.

    oneDNN's filter gradient of a strided 1×1 convolution writes past its buffer in TensorFlow 2.21 when the map has
    fewer than 16 channels (heap corruption; batches that are no multiple of 32 show it). Only every stride-th
    pixel takes part, so the gradient is that of an unstrided convolution of those pixels.

    Args:
        x: float32 (batch, N, N, I).
        kernel: float32 (1, 1, I, O).
        stride: int, pixels.

    Returns:
        float32 (batch, M, M, O) with M = ceil(N / stride).
    """

    strides = [1, stride, stride, 1]

    @tf.custom_gradient
    def convolution(x: Any, kernel: Any) -> Any:
        def gradient(upstream: Any) -> tuple[Any, Any]:
            # The mean of one pixel is a slice in a third of its time.
            seen = tf.nn.avg_pool2d(x, 1, stride, "VALID")
            return (
                tf.raw_ops.Conv2DBackpropInput(
                    input_sizes=tf.shape(x),
                    filter=kernel,
                    out_backprop=upstream,
                    strides=strides,
                    padding="VALID",
                ),
                tf.raw_ops.Conv2DBackpropFilter(
                    input=seen,
                    filter_sizes=tf.shape(kernel),
                    out_backprop=upstream,
                    strides=[1] * 4,
                    padding="VALID",
                ),
            )

        return tf.nn.conv2d(x, kernel, strides, "VALID"), gradient

    return convolution(x, tf.convert_to_tensor(kernel))


@larq.utils.register_keras_custom_object
class PointwiseConv2D(keras.layers.Conv2D):
    """A 1×1 convolution, computed by ``pointwise_convolution``."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The hook of tf_keras' Conv2D."""
        return pointwise_convolution(inputs, kernel, self.strides[0])


class LatentConv2D(larq.layers.QuantConv2D):
    """A convolution whose quantised weights have real-valued ones behind them, which are what is trained."""

    def real_kernel(self) -> Any:
        """What is quantised, shape (k, k, I, filters)."""
        return self.latent_kernel

    @property
    def latent_kernel(self) -> Any:
        """The real-valued weights behind the quantised ones, shape (k, k, I, filters)."""
        return self.kernel.latent_variable


@larq.utils.register_keras_custom_object
class ScaledQuantConv2D(LatentConv2D):
    r"""Convolution of quantised inputs with quantised weights, scaled by alpha after the convolution:

    $$Y_o = (q(X) * q(W)_o) \cdot \alpha_o, \qquad \alpha_o = \frac{1}{n} \sum_i |W_{o,i}|$$

    with n = k²·I the weights of filter o. For the sign, with g the gradient with respect to alpha_o·sign(W)_o,
    automatic differentiation gives XNOR-Net's gradient:

    $$\frac{\partial L}{\partial W_i} = \alpha \, 1_{|W_i| \le 1} \, g_i
      + \frac{\operatorname{sign}(W_i)}{n} \sum_j g_j \operatorname{sign}(W_j)$$

    except at W_i = 0 exactly, where the second term is 0.

    With ``standardise`` q and alpha see Ŵ = ``standardised(W)`` in place of W. These formulas then give ∂L/∂Ŵ, and
    ``standardised`` says what becomes of it. alpha is then mean |Ŵ|, near 0.8 in every filter (sqrt(2/π) for a normal
    distribution), and no longer the size of W.

    The scale stands after the convolution because sums of ±1 are exact there: inside, rounding would move sums away
    from 0 and flip signs in the next layer. While training, BatchNorm takes the difference up, and
    ``edgehybrid.model.fused`` has the scale inside, which saves a walk over the map.

    Without ``scaled`` alpha is 1, and without an input quantizer q(X) is X.

    Input shape: (batch, height, width, I), float32. Output shape: (batch, height', width', filters), float32.

    Source: Chakraborty et al. 2019, Eq. 1; Rastegari et al. 2016, section 3.1 and Eq. 6.
    """

    def __init__(self, *args: Any, standardise: bool = False, scaled: bool = True, **kwargs: Any) -> None:
        self.standardise, self.scaled = standardise, scaled
        super().__init__(*args, **kwargs)

    def call(self, inputs: Any) -> Any:
        """Quantise, convolve, scale."""
        sums = super().call(inputs)
        return sums * self.alpha() if self.scaled else sums

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The hook of tf_keras' Conv2D; larq has quantised ``kernel``."""
        if self.standardise:
            kernel = self.kernel_quantizer(self.real_kernel())
        if self.kernel_size == (1, 1):
            return pointwise_convolution(inputs, kernel, self.strides[0])
        return super().convolution_op(inputs, kernel)

    def alpha(self) -> Any:
        """Mean |W| of each filter, or mean |Ŵ|, shape (filters,); 1 without ``scaled``."""
        if not self.scaled:
            return tf.ones(self.filters)
        return tf.reduce_mean(tf.abs(self.real_kernel()), axis=[0, 1, 2])

    def scaled_kernel(self) -> Any:
        """alpha_o·q(W)_o, shape (k, k, I, filters): a convolution with it has the scale in its sums."""
        quantised = self.kernel_quantizer(self.real_kernel())
        return quantised * self.alpha() if self.scaled else quantised

    def real_kernel(self) -> Any:
        """What is quantised: W, or Ŵ; shape (k, k, I, filters)."""
        return standardised(self.latent_kernel) if self.standardise else self.latent_kernel

    def get_config(self) -> dict[str, Any]:
        """Keras' constructor arguments."""
        return {**super().get_config(), "standardise": self.standardise, "scaled": self.scaled}


def standardised(kernel: Any) -> Any:
    r"""Each filter less its mean, divided by its standard deviation; shape (k, k, I, O), O filters of n = k²·I weights:

    $$\hat W_i = \frac{W_i - \mu}{\sigma}, \qquad \mu = \frac{1}{n} \sum_j W_j, \qquad
      \sigma^2 = \frac{1}{n} \sum_j (W_j - \mu)^2 + \epsilon$$

    With g = ∂L/∂Ŵ, automatic differentiation gives a gradient without mean and, but for ε, at right angles to W:

    $$\frac{\partial L}{\partial W_i} = \frac{1}{\sigma}
      \left( g_i - \frac{1}{n} \sum_j g_j - \frac{\hat W_i}{n} \sum_j g_j \hat W_j \right)$$

    so that steps turn W and never shrink it. Filters multiplied by a positive number are standardised to the same.

    Source: Qiao et al. 2019 (arXiv:1903.10520). ε only keeps a filter of equal weights finite: 1e-8 is small against
    the least variance of first weights, 1e-4 in dense layers.
    """
    deviation = kernel - tf.reduce_mean(kernel, axis=[0, 1, 2])
    variance = tf.reduce_mean(tf.square(deviation), axis=[0, 1, 2])
    return deviation / tf.sqrt(variance + STANDARDISATION_EPSILON)


def centred(kernel: Any) -> Any:
    """``kernel`` minus its mean over input channels, at each kernel position and filter; shape (k, k, I, O).

    Source: Rastegari et al. 2016, released code.
    """
    return kernel - tf.reduce_mean(kernel, axis=2, keepdims=True)


def xnor_net_gradient_scale(kernel_shape: tuple[int, ...]) -> float:
    """(1 - 1/I)·n with n = k²·I weights a filter, for a kernel of shape (k, k, I, O).

    The first factor belongs to centring; n undoes the 1/n that alpha brings into the gradient, so that plain SGD
    moves latent weights as fast as those of a full-precision layer.

    Source: Rastegari et al. 2016, released code.
    """
    height, width, in_channels, _ = kernel_shape
    return (1.0 - 1.0 / in_channels) * height * width * in_channels
