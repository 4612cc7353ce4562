"""Keras model → logical layers, to be compared with those of the Network and of the flatbuffer."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from edgehybrid.census.logical_layers import LogicalLayer, normal_form
from edgehybrid.errors import ConversionError
from edgehybrid.model.activations import LearnedThreshold, RPReLU
from edgehybrid.model.compat import keras
from edgehybrid.networks import FLOAT_BITS

# Weights that the cost model does not count.
UNCOUNTED = (keras.layers.BatchNormalization, LearnedThreshold, RPReLU)


def layers_of_keras(model: Any) -> list[LogicalLayer]:
    """A logical layer for each convolution and dense layer, in forward order.

    Two convolutions of one map that a Concatenate layer puts side by side are one split layer with its name.

    Args:
        model: a functional Keras model of square or other 2-D maps.

    Raises:
        ConversionError: a layer with weights of another kind.
    """
    found: dict[str, LogicalLayer] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            found[layer.name] = _logical(layer)
        elif isinstance(layer, keras.layers.Concatenate):
            names = [source.name for source in _sources(layer)]
            if len(names) == 2 and names[0] != names[1] and set(names) <= found.keys():
                found[layer.name] = _whole(layer, *(found.pop(name) for name in names))
        elif layer.weights and not isinstance(layer, UNCOUNTED):
            raise ConversionError(
                f"Layer '{layer.name}' has weights that are not counted.",
                received=type(layer).__name__,
                allowed="convolutions, dense layers, " + ", ".join(kind.__name__ for kind in UNCOUNTED),
            )
    return [normal_form(layer) for layer in found.values()]


def _logical(layer: Any) -> LogicalLayer:
    shape = layer.weights[0].shape
    kernel = tuple(shape[:2]) if len(shape) == 4 else (1, 1)
    weight_bits, activation_bits = _bits(layer, "kernel_quantizer"), _bits(layer, "input_quantizer")
    return LogicalLayer(
        name=layer.name,
        kind="conv" if len(shape) == 4 else "dense",
        in_channels=layer.input_shape[-1],
        out_channels=shape[-1],
        kernel=kernel,
        in_side=_side(layer.input_shape),
        out_side=_side(layer.output_shape),
        group_channels=shape[-2],
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        float_filters=shape[-1] if weight_bits == FLOAT_BITS else 0,
        reads_real=not any(_quantises(source) for source in _sources(layer)),
    )


def _whole(layer: Any, wide: LogicalLayer, narrow: LogicalLayer) -> LogicalLayer:
    if narrow.is_float:
        wide, narrow = narrow, wide
    return replace(
        narrow,
        name=layer.name,
        out_channels=layer.output_shape[-1],
        float_filters=wide.float_filters + narrow.float_filters,
        reads_real=wide.reads_real,
    )


def _bits(layer: Any, quantizer: str) -> int:
    """Bits of a Larq layer's quantizer; 32 without one."""
    found = getattr(layer, quantizer, None)
    return FLOAT_BITS if found is None else int(found.precision)


def _side(shape: tuple[int | None, ...]) -> tuple[int, int]:
    return (shape[1] or 0, shape[2] or 0) if len(shape) == 4 else (1, 1)


def _sources(layer: Any) -> Iterator[Any]:
    """The layers that this one reads."""
    for node in layer.inbound_nodes:
        yield from _as_list(node.inbound_layers)


def _as_list(value: Any) -> list[Any]:
    """Keras gives one item as itself, several as a list."""
    return value if isinstance(value, list) else [value]


def _quantises(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Activation) and hasattr(layer.activation, "precision")
