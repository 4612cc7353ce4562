"""The processors a flatbuffer can be made for, and the formats it can have."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from edgehybrid.networks import Network

Format = Literal["packed", "float32"]
FORMATS: tuple[Format, ...] = ("packed", "float32")


class Target(NamedTuple):
    """``lce_target`` is the Larq Compute Engine's name; its 'arm' form serves every processor with 64-bit words."""

    lce_target: str
    runs_on: str


TARGETS: Mapping[str, Target] = {
    "aarch64": Target("arm", "64-bit ARM Linux, such as Raspberry Pi OS 64-bit"),
    "x86_64": Target("arm", "64-bit Intel or AMD Linux"),
}


def default_format(network: Network) -> Format:
    """packed where a layer can be packed, else float32."""
    return "packed" if any(layer.binary_macs for layer in network) else "float32"
