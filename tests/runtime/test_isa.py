"""The choice of XNNPACK's kernels."""

from pathlib import Path

import pytest

from edgehybrid.device.probe import FEATURES
from edgehybrid.runtime import isa

ICE_LAKE = "avx avx2 fma sse4_1 avx512f avx512bw avx512cd avx512dq avx512vl avx512_vnni"


@pytest.mark.parametrize(
    ("machine", "words", "float32", "int8"),
    [
        ("x86_64", f"flags\t\t: fpu {ICE_LAKE} amx_tile amx_int8", "avx512f", "amx_int8"),
        ("x86_64", f"flags\t\t: fpu {ICE_LAKE}", "avx512f", "avx512_vnni"),
        ("x86_64", "flags : avx avx2 fma sse4_1 avx_vnni", "fma3", "avx_vnni"),
        ("x86_64", "flags : avx avx2 fma sse4_1", "fma3", "avx2"),
        ("x86_64", "flags : sse4_1", "sse2", "sse4_1"),
        ("x86_64", "", "sse2", "sse2"),
        ("aarch64", "Features\t: fp asimd evtstrm crc32 cpuid", "neon", "neon"),
        ("aarch64", "Features\t: fp asimd asimddp", "neon", "asimddp"),
        ("aarch64", "Features\t: fp asimd asimddp i8mm", "neon", "i8mm"),
        ("riscv64", "isa : rv64gc", None, None),
    ],
)
def test_follows_the_features_of_the_processor(
    machine: str, words: str, float32: str | None, int8: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{words}\n\nprocessor\t: 1\n")
    monkeypatch.setattr(isa, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert (isa.xnnpack_isa(is_int8=False), isa.xnnpack_isa(is_int8=True)) == (float32, int8)


def test_a_system_that_does_not_tell_has_no_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isa, "CPUINFO", tmp_path / "absent")
    assert isa.cpu_features() == frozenset()


def test_of_another_machine_by_what_it_tells() -> None:
    assert isa.xnnpack_isa(True, "aarch64", ["asimd", "asimddp"]) == "asimddp"
    assert isa.xnnpack_isa(True, "aarch64", ["asimd"]) == "neon"
    assert isa.xnnpack_isa(False, "x86_64", ["avx", "fma"]) == "fma3"


def test_a_board_tells_every_feature_that_matters() -> None:
    choices = [choice for lists in (isa.FLOAT32, isa.INT8) for of_machine in lists.values() for choice in of_machine]
    assert {feature for _, needed in choices for feature in needed} <= set(FEATURES)
