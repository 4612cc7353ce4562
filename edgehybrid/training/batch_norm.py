"""BatchNorm's averages, taken anew when the weights have come to rest."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from edgehybrid.model.compat import keras, tf

# Images that are normalised together; the last batch may be smaller, and counts as much.
BATCH = 500


def take_averages(model: Any, batches: Iterable[Any]) -> None:
    r"""Sets the moving mean and variance of every BatchNorm to the mean of those of the batches.

    While training they are exponential averages, of maps of weights that still moved, and of the last few batches
    above all. Here $\mu = \frac{1}{K} \sum_k \mu_k$ and $\sigma^2 = \frac{1}{K} \sum_k \sigma_k^2$, with the weights as
    they are: after batch k, the average of k - 1 batches takes part with weight $(k - 1) / k$. Each layer reads what
    the layers before it make of the same batch, normalised by that batch.

    Args:
        model: changed in place; all else of it stays as it is.
        batches: images, (n, side, side, channels), normalised.

    Source: Wu and Johnson 2021 (arXiv:2105.07576), section 3, "precise BatchNorm".
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    with _momentum_kept(layers):
        for number, images in enumerate(batches):
            for layer in layers:
                layer.momentum = number / (number + 1)
            model(tf.convert_to_tensor(images), training=True)


@contextmanager
def _momentum_kept(layers: list[Any]) -> Iterator[None]:
    before = [layer.momentum for layer in layers]
    try:
        yield
    finally:
        for layer, momentum in zip(layers, before, strict=True):
            layer.momentum = momentum
