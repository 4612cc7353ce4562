"""Where the native runtime's library is, and why it cannot be loaded."""

import ctypes
import platform
from pathlib import Path

import native_runs
import pytest

from edgehybrid.errors import RuntimeMissingError
from edgehybrid.runtime import library, native_library
from edgehybrid.runtime.native_library import loadable_library


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where libraries are looked for."""
    monkeypatch.setattr(native_library, "FOLDER", tmp_path)
    return tmp_path


def test_the_library_of_this_machine_has_the_two_functions_of_an_external_delegate() -> None:
    native_runs.library()
    loaded = ctypes.CDLL(str(library()))
    for name in ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate"):
        assert getattr(loaded, name)


def test_the_library_of_another_architecture_is_found_by_its_name(folder: Path) -> None:
    (folder / "libedgehybrid_aarch64.so").touch()
    assert library("aarch64") == folder / "libedgehybrid_aarch64.so"


def test_a_missing_library_is_named_with_those_that_are_there(folder: Path) -> None:
    for arch in ("x86_64", "aarch64"):
        (folder / f"libedgehybrid_{arch}.so").touch()
    with pytest.raises(RuntimeMissingError, match="no library for riscv64") as caught:
        library("riscv64")
    assert caught.value.received == str(folder / "libedgehybrid_riscv64.so")
    assert caught.value.allowed == "aarch64 or x86_64, which are installed"
    assert "pip install ." in str(caught.value.next_step)


def test_where_none_is_built_the_message_says_so(folder: Path) -> None:
    with pytest.raises(RuntimeMissingError) as caught:
        library()
    assert caught.value.allowed == "none is installed"


def header(machine: int) -> bytes:
    """The first bytes of a 64-bit little-endian ELF library."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + (3).to_bytes(2, "little") + machine.to_bytes(2, "little")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (header(183 if platform.machine() == "x86_64" else 62) + bytes(100), "for "),
        (header(243) + bytes(100), "for machine 243"),
        (b"not built", "which is no library"),
        (b"", "which is no library"),
    ],
    ids=["other architecture", "unknown architecture", "text", "empty"],
)
def test_a_library_that_cannot_be_loaded_is_refused_with_what_it_is(content: bytes, kind: str, folder: Path) -> None:
    path = folder / f"libedgehybrid_{platform.machine()}.so"
    path.write_bytes(content)
    with pytest.raises(RuntimeMissingError, match="cannot be loaded") as caught:
        loadable_library()
    assert str(caught.value.received).startswith(f"{path}, {kind}")
    assert f"a library for {platform.machine()}" in str(caught.value.allowed)
