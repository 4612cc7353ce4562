"""The processors a flatbuffer can be made for, and the formats it can have."""

from collections.abc import Mapping
from typing import NamedTuple

from edgehybrid.census.formats import Format
from edgehybrid.networks import Network
from edgehybrid.runs.sidecar import Target


class TargetFacts(NamedTuple):
    """``lce_target`` is the Larq Compute Engine's name; its 'arm' form serves every processor with 64-bit words."""

    lce_target: str


TARGETS: Mapping[Target, TargetFacts] = {"aarch64": TargetFacts("arm"), "x86_64": TargetFacts("arm")}


def default_format(network: Network) -> Format:
    """packed where a layer can be packed, else float32."""
    return "packed" if any(layer.binary_macs for layer in network) else "float32"
