"""What is compiled, for which architecture, and when."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from edgehybrid.runtime.native import build as native_build
from edgehybrid.runtime.native.build import (
    INSTRUCTIONS,
    NATIVE,
    PROCESSORS,
    BuildError,
    build,
    build_all,
    find_compiler,
    library_name,
    sources,
    wheel_architectures,
)
from edgehybrid.runtime.native.elf import read_library


@pytest.mark.parametrize("architecture", PROCESSORS)
def test_each_source_is_compiled_for_its_architecture_alone(architecture: str) -> None:
    stems = [path.stem for path, _ in sources(architecture)]
    assert "compile" in stems
    assert "kernels_portable" in stems
    others = [suffix for suffix, (only_for, _) in INSTRUCTIONS.items() if only_for != architecture]
    assert not [stem for stem in stems if stem.endswith(tuple(others))]
    assert not [stem for stem in stems if stem.endswith(("_test", "_bench", "_fuzz"))]


def test_only_kernels_may_use_instructions_beyond_the_baseline() -> None:
    special = [path for path, flags in sources("x86_64") if flags]
    assert special
    assert {path.parent.name for path in special} == {"kernels"}


def test_every_suffix_of_the_table_has_a_source() -> None:
    stems = [path.stem for path in NATIVE.rglob("*.cc")]
    assert all(any(stem.endswith(suffix) for stem in stems) for suffix in INSTRUCTIONS)


@pytest.fixture
def small_native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of two functions, in place of the real sources."""
    folder = tmp_path / "native"
    (folder / "delegate").mkdir(parents=True)
    (folder / "delegate" / "one.cc").write_text(
        'extern "C" __attribute__((visibility("default"))) int one() { return 1; }'
    )
    (folder / "delegate" / "exports.map").write_text("{ global: one; local: *; };")
    monkeypatch.setattr(native_build, "NATIVE", folder)
    try:
        find_compiler(platform.machine())
    except BuildError as error:
        pytest.skip(str(error))
    return folder


def test_a_library_is_built_once(small_native: Path, tmp_path: Path) -> None:
    library = build(platform.machine(), tmp_path / "lib", tmp_path / "objects")
    assert library.name == library_name(platform.machine())
    assert read_library(library).exports == {"one"}
    before = library.stat().st_mtime_ns
    build(platform.machine(), tmp_path / "lib", tmp_path / "objects")
    assert library.stat().st_mtime_ns == before
    header = small_native / "new.h"
    header.write_text("")
    later = library.stat().st_mtime + 10
    os.utime(header, (later, later))
    build(platform.machine(), tmp_path / "lib", tmp_path / "objects")
    assert library.stat().st_mtime_ns > before


def test_other_exports_are_linked_anew(small_native: Path, tmp_path: Path) -> None:
    library = build(platform.machine(), tmp_path / "lib", tmp_path / "objects")
    exports = small_native / "delegate" / "exports.map"
    exports.write_text("{ local: *; };")
    later = library.stat().st_mtime + 10
    os.utime(exports, (later, later))
    assert read_library(build(platform.machine(), tmp_path / "lib", tmp_path / "objects")).exports == frozenset()


@pytest.mark.usefixtures("small_native")
def test_an_error_in_a_source_fails_for_every_architecture(tmp_path: Path) -> None:
    """Only the lack of a compiler is let pass."""
    other = next(name for name in PROCESSORS if name != platform.machine())
    try:
        find_compiler(other)
    except BuildError as error:
        pytest.skip(str(error))
    (native_build.NATIVE / "delegate" / "two.cc").write_text("#ifdef __aarch64__\nint two( {\n#endif\n")
    with pytest.raises(BuildError, match=r"two\.cc"):
        build_all(tmp_path / "lib", tmp_path / "objects", PROCESSORS)


def test_without_sources_there_is_nothing_to_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(native_build, "NATIVE", tmp_path)
    with pytest.raises(BuildError, match="has no sources in"):
        sources("x86_64")


def test_a_compilers_complaint_is_shown(small_native: Path, tmp_path: Path) -> None:
    (small_native / "delegate" / "one.cc").write_text("int one( {")
    with pytest.raises(BuildError, match=r"The compiler failed: (?s:.*)one\.cc"):
        build(platform.machine(), tmp_path / "lib", tmp_path / "objects")


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_build, "find_spec", lambda name: None)
    monkeypatch.setattr(native_build.shutil, "which", lambda name: None)


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_the_message_names_what_to_install() -> None:
    with pytest.raises(BuildError, match=r"for x86_64: neither the Python package ziglang nor .*pip install ziglang"):
        find_compiler("x86_64")


@pytest.mark.usefixtures("no_compiler")
def test_only_this_machines_library_is_a_must(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = next(name for name in PROCESSORS if name != platform.machine())
    with pytest.raises(BuildError):
        build_all(tmp_path, tmp_path / "objects", [other])
    with pytest.raises(BuildError):
        build_all(tmp_path, tmp_path / "objects", [platform.machine(), other])
    assert build_all(tmp_path, tmp_path / "objects", [other, other]) == []
    assert "goes on without it" in capsys.readouterr().err


def test_a_wheel_for_x86_64_also_carries_what_a_board_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEHYBRID_ARCH", "x86_64")
    assert wheel_architectures() == ("x86_64", "aarch64")
    monkeypatch.setenv("EDGEHYBRID_ARCH", "aarch64")
    assert wheel_architectures() == ("aarch64",)


def test_it_needs_nothing_but_the_standard_library() -> None:
    """pip runs it before any dependency of this package is there."""
    code = f"import runpy; runpy.run_path({str(NATIVE / 'build.py')!r}, run_name='build')"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
