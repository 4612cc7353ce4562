"""The processors a flatbuffer can be made for, and what it may contain there."""

from collections.abc import Mapping
from typing import NamedTuple

from edgehybrid.census.formats import Format, Target
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.flatbuffer.schema import OPERATORS
from edgehybrid.networks import Network
from edgehybrid.runtime.packed import OPERATORS as NATIVE_OPERATORS

_NATIVE = frozenset(NATIVE_OPERATORS)


class TargetFacts(NamedTuple):
    """What runs there.

    ``custom_operators`` are those of the native runtime, beside LiteRT's builtin ones.
    """

    custom_operators: frozenset[str]


TARGETS: Mapping[Target, TargetFacts] = {"aarch64": TargetFacts(_NATIVE), "x86_64": TargetFacts(_NATIVE)}


def default_format(network: Network) -> Format:
    """packed where a layer can be packed, else float32."""
    return "float32" if all(layer.is_float or layer.reads_real for layer in network) else "packed"


def check_target(flatbuffer: Flatbuffer, target: Target) -> None:
    """Refuses operators that the target has no kernel for.

    Raises:
        ConversionError: naming them.
    """
    operators = {op.name for part in flatbuffer.subgraphs for op in part.ops}
    custom = operators.difference(OPERATORS.values(), TARGETS[target].custom_operators)
    if custom:
        raise ConversionError(
            f"The flatbuffer has operators that nothing runs on {target}.",
            received=", ".join(sorted(custom)),
            allowed=f"TensorFlow Lite's builtin operators, {', '.join(sorted(TARGETS[target].custom_operators))}",
            next_step="Replace the layers that became these operators; TensorFlow's own layers have builtin ones.",
        )
