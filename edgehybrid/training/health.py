"""Whether the quantised layers learn: flips, dead weights, balance of signs, drift of alpha; and hints."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.source import images_at_once
from edgehybrid.model.compat import keras, tf
from edgehybrid.model.layers import LatentConv2D
from edgehybrid.recipe.training import Bop, Training
from edgehybrid.runs.epoch_line import LayerHealth

Health = dict[str, LayerHealth]

# A channel that has one sign for all but a thousandth of its values tells the next layer nothing.
CONSTANT_SHARE = 0.999
# Where a hint begins. They point at layers to look at; none of them is a proof.
MOST_CONSTANT_PERCENT = 50.0
MOST_DEAD_PERCENT = 50.0
MOST_LATE_FLIPS_PERCENT = 10.0
LEAST_EARLY_FLIPS_PERCENT = 0.01


class HealthMonitor:
    """Watches the quantised layers of a model from epoch to epoch.

    Its memory (the signs when the epoch began, alpha when the training began) is a part of the checkpoint.
    """

    def __init__(self, model: Any) -> None:
        self._layers = [layer for layer in model.layers if isinstance(layer, LatentConv2D)]
        self._probe = keras.Model(model.input, [layer.input for layer in self._layers]) if self._layers else None
        self.memory: dict[str, NDArray[Any]] = {
            f"first_alpha.{layer.name}": layer.alpha().numpy() for layer in self._layers
        }
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Remembers the sign of every weight, as bits."""
        for layer in self._layers:
            self.memory[f"signs.{layer.name}"] = _packed_signs(layer)

    def measure(self, images: Any) -> Health:
        """Figures of each quantised layer, by name. Percentages are 0 … 100.

        - ``sign_flip_percent``: weights whose sign is another than when the epoch began.
        - ``dead_percent``: weights with |W| > 1 (|Ŵ|, if standardised), where the sign passes no gradient.
        - ``plus_one_percent``: share of +1 among the layer's quantised inputs (for more bits, of values ≥ 0, or
          > 0 where there are none below 0).
        - ``constant_channel_percent``: input channels that have one sign for 99.9 % of their values.
        - ``alpha``: mean over the filters; ``alpha_drift_percent``: mean |alpha - first| over mean first.

        Args:
            images: float32 (batch, side, side, channels), normalised; the same ones each epoch.
        """
        if self._probe is None:
            return {}
        shares = self._plus_one_shares(self._probe, images)
        return {layer.name: self._figures(layer, share) for layer, share in zip(self._layers, shares, strict=True)}

    def _plus_one_shares(self, probe: Any, images: Any) -> Iterator[NDArray[np.float64]]:
        """Of each layer: the share of +1 in each input channel, over all images."""
        at_once = images_at_once(images.shape[1])
        sums: dict[str, Any] = defaultdict(float)
        for begin in range(0, len(images), at_once):
            part = images[begin : begin + at_once]
            inputs = tf.nest.flatten(probe(part, training=False))
            for layer, x in zip(self._layers, inputs, strict=True):
                seen = x if layer.input_quantizer is None else layer.input_quantizer(x)
                is_plus = tf.cast(seen > 0 if _is_rectified(layer.input_quantizer) else seen >= 0, tf.float32)
                share = tf.reduce_mean(is_plus, axis=[0, 1, 2]).numpy()
                sums[layer.name] += len(part) * share.astype(np.float64)
        return (sums[layer.name] / len(images) for layer in self._layers)

    def _figures(self, layer: Any, positive: NDArray[np.float64]) -> LayerHealth:
        kernel, alpha = layer.real_kernel().numpy(), layer.alpha().numpy()
        first = self.memory[f"first_alpha.{layer.name}"]
        flips = np.unpackbits(self.memory[f"signs.{layer.name}"] ^ _packed_signs(layer)).sum()
        constant = np.maximum(positive, 1 - positive) >= CONSTANT_SHARE
        return LayerHealth(
            sign_flip_percent=100 * float(flips) / kernel.size,
            dead_percent=100 * float(np.mean(np.abs(kernel) > 1)),
            plus_one_percent=100 * float(positive.mean()),
            constant_channel_percent=100 * float(constant.mean()),
            alpha=float(alpha.mean()),
            alpha_drift_percent=100 * float(np.abs(alpha - first).mean() / first.mean()),
        )


def hints(health: Health, training: Training, epoch: int) -> tuple[str, ...]:
    """What the figures of an epoch suggest: each names the layers and a remedy."""
    found = []
    bop = isinstance(training.optimizer, Bop)
    for key, limit, applies, words in (
        (
            "constant_channel_percent",
            MOST_CONSTANT_PERCENT,
            True,
            "read mostly channels of one sign. A BatchNorm before them, or learned thresholds, balance the signs",
        ),
        (
            "dead_percent",
            MOST_DEAD_PERCENT,
            True,
            "have mostly weights where the sign passes no gradient. "
            + (
                "Lower the learning rate"
                if training.latent_weights.clip
                else "Clip and centre them (training.latent_weights), or lower the learning rate"
            ),
        ),
        (
            "sign_flip_percent",
            MOST_LATE_FLIPS_PERCENT,
            epoch > 0.75 * training.epochs,
            "still flip many signs near the end. "
            + ("Raise training.optimizer.threshold" if bop else "Let the learning rate fall (training.schedule)")
            + ", or train longer",
        ),
    ):
        layers = [name for name, figures in health.items() if applies and getattr(figures, key) > limit]
        if layers:
            found.append(f"{_named(layers)} {words}.")
    frozen = [name for name, figures in health.items() if figures.sign_flip_percent < LEAST_EARLY_FLIPS_PERCENT]
    if frozen and epoch <= 0.25 * training.epochs:
        found.append(
            f"{_named(frozen)} flip hardly any sign although the training is young. "
            + (
                "Raise training.optimizer.gamma, or lower its threshold."
                if bop
                else "Raise the learning rate, or scale the gradient of latent weights "
                "(training.latent_weights.gradient_scale: xnor_net)."
            )
        )
    return tuple(found)


def _is_rectified(quantizer: Any) -> bool:
    return getattr(quantizer, "low", -1.0) == 0


def _packed_signs(layer: Any) -> NDArray[np.uint8]:
    return np.packbits(layer.real_kernel().numpy() >= 0)


def _named(layers: Sequence[str]) -> str:
    shown = ", ".join(layers[:3])
    return shown if len(layers) <= 3 else f"{shown} and {len(layers) - 3} more layers"
