"""LiteRT with XNNPACK: every flatbuffer without Larq's operators."""

from collections.abc import Collection, Mapping

from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.runtime.host import host_version, open_host
from edgehybrid.runtime.isa import xnnpack_isa
from edgehybrid.runtime.loaded import Loaded

# Operators whose kernels are those of integers where their weights are.
_WEIGHTED: Mapping[str, int] = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1}


def can_run(flatbuffer: Flatbuffer) -> bool:
    """Whether no operator is Larq's."""
    return not any(op.name.startswith(("Lce", "Edgehybrid")) for op in flatbuffer.ops)


def load(flatbuffer: Flatbuffer, content: bytes, threads: int) -> Loaded:
    """With as many threads as were asked for: XNNPACK does not tell."""
    return Loaded(open_host(content, threads), name_in(host_version()), isa_of(flatbuffer), threads)


def name_in(version: str) -> str:
    """Of the runtime, in a version of LiteRT."""
    return f"ai-edge-litert {version} (XNNPACK)"


def isa_of(flatbuffer: Flatbuffer, machine: str | None = None, features: Collection[str] | None = None) -> str | None:
    """Instruction set of the kernels that run it; None where it is not known. Arguments as ``xnnpack_isa``."""
    return xnnpack_isa(_is_int8(flatbuffer), machine, features)


def _is_int8(flatbuffer: Flatbuffer) -> bool:
    """Whether the weights of most operators with weights are int8."""
    types = [
        flatbuffer.tensors[op.inputs[_WEIGHTED[op.name]]].type_name for op in flatbuffer.ops if op.name in _WEIGHTED
    ]
    return 2 * types.count("int8") > len(types)
