"""Which instruction set the kernels of XNNPACK use on this processor.

XNNPACK does not tell, but its choice is a rule: the first entry of a list whose features the processor has. Source:
src/configs/gemm-config.c of google/XNNPACK, the lists of f32 and of qs8_qc8w; names of features as in /proc/cpuinfo.
"""

import platform
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
Choices = Sequence[tuple[str, frozenset[str]]]

FLOAT32: Mapping[str, Choices] = {
    "x86_64": (
        ("avx512f", frozenset({"avx512f"})),
        ("fma3", frozenset({"fma"})),
        ("avx", frozenset({"avx"})),
        ("sse2", frozenset()),
    ),
    "aarch64": (("neon", frozenset()),),
}
_SKYLAKE_X = frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})
INT8: Mapping[str, Choices] = {
    "x86_64": (
        ("amx_int8", frozenset({"amx_int8", "amx_tile"})),
        ("avx512_vnni", _SKYLAKE_X | {"avx512_vnni"}),
        ("avx_vnni", frozenset({"avx_vnni", "avx2"})),
        ("avx512bw", _SKYLAKE_X),
        ("avx2", frozenset({"avx2"})),
        ("avx", frozenset({"avx"})),
        ("sse4_1", frozenset({"sse4_1"})),
        ("sse2", frozenset()),
    ),
    "aarch64": (("i8mm", frozenset({"i8mm"})), ("asimddp", frozenset({"asimddp"})), ("neon", frozenset())),
}


def xnnpack_isa(is_int8: bool, machine: str | None = None, features: Collection[str] | None = None) -> str | None:
    """The instruction set of matrix products and convolutions; None on other architectures.

    Args:
        machine, features: of another machine than this one.
    """
    choices = (INT8 if is_int8 else FLOAT32).get(machine or platform.machine(), ())
    there = cpu_features() if features is None else frozenset(features)
    return next((name for name, needed in choices if needed <= there), None)


def cpu_features() -> frozenset[str]:
    """The feature words of the first core; none where the system does not tell."""
    try:
        text = CPUINFO.read_text(errors="replace")
    except OSError:
        return frozenset()
    for line in text.splitlines():
        key, _, words = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(words.split())
    return frozenset()
