"""The native runtime in LiteRT: every flatbuffer with Larq's operators, or with those of networks of levels."""

import tempfile
from pathlib import Path

from edgehybrid import __version__
from edgehybrid.errors import RuntimeMissingError
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.runtime.host import host_version, open_host
from edgehybrid.runtime.loaded import Loaded
from edgehybrid.runtime.native_delegate import delegate, regions_in

OPERATORS = (
    "LceBconv2d",
    "LceBMaxPool2d",
    "LceDequantize",
    "LceQuantize",
    "EdgehybridConv2d",
    "EdgehybridLevels",
    "EdgehybridScores",
)
# What the library says of a host whose structures it would misread; native/delegate/host.cc.
_UNKNOWN_HOST = "are laid out in a way that is not known here"


def can_run(flatbuffer: Flatbuffer) -> bool:
    """Whether it has operators that only this runtime has, and each is known."""
    own = [op.name for op in flatbuffer.ops if op.name.startswith(("Lce", "Edgehybrid"))]
    return bool(own) and all(name in OPERATORS for name in own)


def name_in(litert: str) -> str:
    """Of the runtime, in a version of LiteRT."""
    return f"edgehybrid {__version__} (native, in ai-edge-litert {litert})"


def load(flatbuffer: Flatbuffer, content: bytes, threads: int) -> Loaded:
    """Instruction set and threads are those of the regions that the delegate reports.

    Raises:
        RuntimeMissingError: the native runtime's library is missing, or does not know this LiteRT.
        UsageError: ``EDGEHYBRID_ISA`` names no instruction set of this processor.
    """
    with tempfile.NamedTemporaryFile(prefix="edgehybrid-", suffix=".jsonl") as report:
        path = Path(report.name)
        try:
            host = open_host(content, threads, [delegate(report_file=path)])
        except RuntimeError as error:
            if _UNKNOWN_HOST not in str(error):
                raise
            raise RuntimeMissingError(
                "The native runtime does not know this version of LiteRT.",
                received=f"ai-edge-litert {host_version()}",
                allowed="1.4 to 2.x",
                next_step="pip install 'ai-edge-litert>=2.3,<3'",
            ) from error
        regions = regions_in(path)
    # One delegate: its regions share the set, and each has the interpreter's threads.
    return Loaded(host, name_in(host_version()), regions[0].isa, regions[0].threads, regions)
