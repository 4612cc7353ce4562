"""Runs a program with features of the processor hidden from every library in it. Linux, x86-64.

A library asks CPUID once which kernels it may use. hidden_features.c answers in the processor's place, so a machine
with AMX can also measure what a machine without it would run; clock, caches and widths of its units stay its own.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

SOURCE = Path(__file__).with_name("hidden_features.c")
BITS, HIDDEN = "HIDDEN_CPUID_BITS", "BENCHMARK_HIDES"
Hidden = Literal["amx", "avx512", "avx_vnni"]
HIDES: tuple[Hidden, ...] = get_args(Hidden)


class Feature(NamedTuple):
    """A feature's name in /proc/cpuinfo, and where CPUID tells it."""

    name: str
    leaf: int
    subleaf: int
    register: Literal["a", "b", "c", "d"]
    bit: int


# Intel's manual, volume 2, CPUID; volume 1 of the AVX10 specification.
FEATURES: Mapping[Hidden, tuple[Feature, ...]] = {
    "amx": (
        Feature("amx_bf16", 7, 0, "d", 22),
        Feature("amx_tile", 7, 0, "d", 24),
        Feature("amx_int8", 7, 0, "d", 25),
        Feature("amx_fp16", 7, 1, "a", 21),
        Feature("amx_complex", 7, 1, "d", 8),
    ),
    "avx512": (
        Feature("avx512f", 7, 0, "b", 16),
        Feature("avx512dq", 7, 0, "b", 17),
        Feature("avx512ifma", 7, 0, "b", 21),
        Feature("avx512cd", 7, 0, "b", 28),
        Feature("avx512bw", 7, 0, "b", 30),
        Feature("avx512vl", 7, 0, "b", 31),
        Feature("avx512vbmi", 7, 0, "c", 1),
        Feature("avx512_vbmi2", 7, 0, "c", 6),
        Feature("avx512_vnni", 7, 0, "c", 11),
        Feature("avx512_bitalg", 7, 0, "c", 12),
        Feature("avx512_vpopcntdq", 7, 0, "c", 14),
        Feature("avx512_vp2intersect", 7, 0, "d", 8),
        Feature("avx512_fp16", 7, 0, "d", 23),
        Feature("avx512_bf16", 7, 1, "a", 5),
        Feature("avx10", 7, 1, "d", 19),
    ),
    # The 256-bit form, which processors without AVX-512 have from 2021 on; hiding it leaves AVX2 alone.
    "avx_vnni": (
        Feature("avx_vnni", 7, 1, "a", 4),
        Feature("avx_ifma", 7, 1, "a", 23),
        Feature("avx_vnni_int8", 7, 1, "d", 4),
        Feature("avx_ne_convert", 7, 1, "d", 5),
        Feature("avx_vnni_int16", 7, 1, "d", 10),
    ),
}


def features_hidden_by(hidden: Hidden | None) -> tuple[Feature, ...]:
    """Each choice also hides what the ones before it hide: no processor has AMX without AVX-512."""
    chosen = HIDES[: HIDES.index(hidden) + 1] if hidden else ()
    return tuple(feature for name in chosen for feature in FEATURES[name])


def bits_of(hidden: Hidden) -> str:
    """What hidden_features.c reads: leaf:subleaf:register:bit, the leaf in hexadecimal, comma between them."""
    return ",".join(f"{f.leaf:x}:{f.subleaf}:{f.register}:{f.bit}" for f in features_hidden_by(hidden))


def hidden_now() -> Hidden | None:
    """What is hidden from this process."""
    return next((name for name in HIDES if name == os.environ.get(HIDDEN)), None)


def run_without(hidden: Hidden, command: Sequence[str]) -> int:
    """Runs a command in a process from which the features are hidden.

    Returns:
        its exit status; 3 where the system cannot make CPUID fault.
    """
    with tempfile.TemporaryDirectory(prefix="edgehybrid-") as folder:
        library = Path(folder) / "hidden_features.so"
        subprocess.run(["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        environment = os.environ | {BITS: bits_of(hidden), HIDDEN: hidden, "LD_PRELOAD": str(library)}
        return subprocess.run(command, env=environment, check=False).returncode
