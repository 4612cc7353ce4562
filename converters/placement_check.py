"""Compares what a flatbuffer holds with the network and the Keras model it was made from, layer by layer."""

from typing import Any

from converters.targets import Format
from edgehybrid.cost.agreement import check_agreement, expected_layers
from edgehybrid.cost.model_file import StoredLayer, count_model
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import Model
from edgehybrid.flatbuffer_census import CensusRow
from edgehybrid.model.census import layers_of_keras
from edgehybrid.networks import Network


def check_placement(network: Network, keras_model: Any, model: Model, file_format: Format) -> dict[str, CensusRow]:
    """The three counts must agree in kind, precision, shapes, weights and MACs of every layer.

    Returns:
        the operators of each layer, under the layer's name; with ``_float`` and ``_quantised`` for the halves of a
        split layer, ``_plane1`` … for bit planes.

    Raises:
        ConversionError: a layer that is missing or has another shape or precision, by name; an operator that no layer
            asked for, or whose work is not known.
    """

    check_agreement(expected_layers(network), layers_of_keras(keras_model), "the Keras model")
    count = count_model(model)
    if count.uncounted_ops:
        raise ConversionError(
            "The flatbuffer has operators that are not counted.",
            received=", ".join(f"{number} {name}" for name, number in count.uncounted_ops.items()),
        )
    expected = expected_layers(network, file_format)
    pairs = check_agreement(expected, [stored.layer for stored in count.layers], "the flatbuffer")
    found: dict[str, CensusRow] = {}
    for layer, index in zip(expected, pairs, strict=True):
        found |= _named(layer.name, count.layers[index])
    return found


def _named(name: str, stored: StoredLayer) -> dict[str, CensusRow]:
    """The operators of a layer, each under a name of its own."""
    operators = stored.operators
    if len(operators) == 1:
        return {name: operators[0]}
    wide = [row for row in operators if row.precision != "packed"]
    narrow = [row for row in operators if row.precision == "packed"]
    if not narrow:
        # In float32 the halves of a split layer stand in the order of the Keras model, float filters first.
        wide, narrow = wide[:1], wide[1:]
    found = {f"{name}_float": row for row in wide}
    if len(narrow) == 1:
        return {**found, f"{name}_quantised": narrow[0]}
    return {**found, **{f"{name}_plane{number}": row for number, row in enumerate(narrow, start=1)}}
