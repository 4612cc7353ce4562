"""Scores the filters of a layer in a Keras model by what its reader computes from them."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.model.compat import keras
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.networks import Network
from edgehybrid.networks.parts import float_part, quantised_part
from edgehybrid.pruning.allotment import Scored
from edgehybrid.pruning.pairs import Pair
from edgehybrid.pruning.sensitivity import Floats, patches_of, sensitivities


def score(model: Any, network: Network, pair: Pair, batches: Sequence[Floats]) -> Scored:
    """What the reader of a layer gets from each of its filters; of a split reader, what either half gets."""
    found = [_score_of(model, part, network.pad_value, batches) for part in _reading_parts(model, pair.reader.name)]
    channels = pair.layer.out_channels
    # Behind a flattened map a channel is read at every pixel.
    of_channels = [np.asarray(each).reshape(-1, channels).max(axis=0) for each in found]
    pixels = pair.reader.in_channels // channels
    return Scored(np.max(of_channels, axis=0), max(1, pair.reader.out_side**2), pair.reader.kernel_side**2 * pixels)


def _reading_parts(model: Any, name: str) -> list[Any]:
    """The Keras layers with the weights of a layer."""
    known = {layer.name: layer for layer in model.layers}
    return [known[name]] if float_part(name) not in known else [known[float_part(name)], known[quantised_part(name)]]


def _score_of(model: Any, part: Any, pad_value: int, batches: Sequence[Floats]) -> NDArray[np.float64]:
    probe = keras.Model(model.input, part.input)
    is_quantised = isinstance(part, ScaledQuantConv2D)
    quantise = getattr(part, "input_quantizer", None)
    kernel = np.asarray(part.scaled_kernel() if is_quantised else part.weights[0])
    if kernel.ndim == 2:
        kernel = kernel[None, None]

    def patches() -> Iterator[Floats]:
        for batch in batches:
            maps = probe(batch, training=False)
            seen = np.asarray(maps if quantise is None else quantise(maps))
            if seen.ndim == 2:
                seen = seen[:, None, None]
            stride = part.strides[0] if hasattr(part, "strides") else 1
            yield patches_of(seen, kernel.shape[0], stride, 0.0 if quantise is None else float(pad_value))

    return sensitivities(patches(), kernel.reshape(-1, *kernel.shape[2:]))
