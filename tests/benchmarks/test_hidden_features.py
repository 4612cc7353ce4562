"""benchmarks/hidden_features.py: which bits are hidden, and that a library in such a process sees none of them."""

import platform
import shutil
import sys
from itertools import pairwise

import pytest
from hidden_features import FEATURES, HIDES, bits_of, features_hidden_by, run_without

from edgehybrid.runtime.isa import INT8, cpu_features

CAN_TRAP = platform.machine() == "x86_64" and "cpuid_fault" in cpu_features() and shutil.which("cc")
ASK_FOR_AVX512 = """
from edgehybrid.errors import UsageError
from edgehybrid.runtime.native_delegate import delegate
try:
    delegate(isa="avx512")
except UsageError as error:
    raise SystemExit(10 if "avx512" not in error.allowed else 11)
"""


def test_each_choice_hides_what_the_one_before_hides() -> None:
    hidden = [set(features_hidden_by(name)) for name in (None, *HIDES)]
    assert hidden[0] == set()
    for less, more in pairwise(hidden):
        assert less < more


def test_no_bit_is_named_twice() -> None:
    every = [feature[1:] for features in FEATURES.values() for feature in features]
    assert len(every) == len(set(every))


def test_bits_are_written_as_the_handler_reads_them() -> None:
    # amx_tile: leaf 7, subleaf 0, EDX, bit 24.
    assert "7:0:d:24" in bits_of("amx").split(",")
    assert all(0 <= feature.bit < 32 for feature in features_hidden_by(HIDES[-1]))


@pytest.mark.parametrize(("hidden", "kernels"), [("amx", "avx512_vnni"), ("avx512", "avx_vnni"), ("avx_vnni", "avx2")])
def test_what_is_left_are_the_next_kernels_of_xnnpack(hidden: str, kernels: str) -> None:
    names = {feature.name for feature in features_hidden_by(hidden)}  # type: ignore[arg-type]
    left = [name for name, needed in INT8["x86_64"] if not needed & names]
    assert left[0] == kernels


@pytest.mark.skipif(not CAN_TRAP, reason="no C compiler, or a processor whose CPUID cannot fault")
def test_a_library_sees_no_hidden_feature_and_every_other() -> None:
    if not {"avx512_vpopcntdq", "avx512bw", "avx512dq", "avx512vl"} <= cpu_features():
        pytest.skip("there is no AVX-512 to hide")
    command = [sys.executable, "-c", ASK_FOR_AVX512]
    assert run_without("amx", command) == 0
    assert run_without("avx512", command) == 10
