"""What a runtime gives for a flatbuffer."""

from typing import NamedTuple

from edgehybrid.runtime.host import Host
from edgehybrid.runtime.native_delegate import Region


class Loaded(NamedTuple):
    """A flatbuffer ready to run.

    Attributes:
        runtime: name and version, and the kernels it uses.
        isa: instruction set of the kernels that run; None where it is not known.
        threads: that run one inference.
        regions: what the native runtime took of the graph; None where it was not asked.
    """

    host: Host
    runtime: str
    isa: str | None
    threads: int
    regions: tuple[Region, ...] | None = None
