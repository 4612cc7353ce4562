"""Compares what a flatbuffer holds with the network and the Keras model it was made from, layer by layer."""

from collections.abc import Sequence
from typing import Any

from converters.edits.pack_layers import NotPacked
from edgehybrid.census.agreement import check_agreement, expected_layers
from edgehybrid.census.flatbuffer_layers import StoredLayer, count_flatbuffer
from edgehybrid.census.formats import Format
from edgehybrid.census.operators import CensusRow
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.model.census import layers_of_keras
from edgehybrid.networks import Network
from edgehybrid.networks.parts import float_part, plane_part, quantised_part


def check_placement(
    network: Network, keras_model: Any, flatbuffer: Flatbuffer, file_format: Format, left: Sequence[NotPacked] = ()
) -> dict[str, CensusRow]:
    """The three counts must agree in kind, precision, shapes, weights and MACs of every layer.

    Args:
        left: layers that were not packed, and why.

    Returns:
        the operators of each layer, under the layer's name; those of several parts under the names
        of edgehybrid/networks/parts.py.

    Raises:
        ConversionError: a layer that is missing or has another shape or precision, by name; an operator that no layer
            asked for, or whose work is not known.
    """

    check_agreement(expected_layers(network), layers_of_keras(keras_model), "the Keras model")
    count = count_flatbuffer(flatbuffer)
    if count.uncounted_ops:
        raise ConversionError(
            "The flatbuffer has operators that are not counted.",
            received=", ".join(f"{number} {name}" for name, number in count.uncounted_ops.items()),
        )
    expected = expected_layers(network, file_format)
    try:
        pairs = check_agreement(expected, [stored.layer for stored in count.layers], "the flatbuffer")
    except ConversionError as error:
        raise _explained(error, left) from error
    found: dict[str, CensusRow] = {}
    for layer, index in zip(expected, pairs, strict=True):
        found |= _named(layer.name, count.layers[index])
    return found


def _explained(error: ConversionError, left: Sequence[NotPacked]) -> ConversionError:
    """The same, with what the packing of layers had to say."""
    if not left:
        return error
    return ConversionError(
        error.what,
        received="; ".join(f"{each.layer} is not packed: {each.reason}" for each in left),
        allowed=error.allowed,
        next_step="; ".join(sorted({each.fix for each in left})) + ". Or convert with --format float32.",
    )


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
    found = {float_part(name): row for row in wide}
    if len(narrow) == 1:
        return {**found, quantised_part(name): narrow[0]}
    return {**found, **{plane_part(name, number): row for number, row in enumerate(narrow, start=1)}}
