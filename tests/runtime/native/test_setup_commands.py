"""What ``pip install`` puts into a package, what its wheel is called, and how it fails."""

import platform
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip(
    "setuptools.command.bdist_wheel", reason="needs setuptools 70.1 or later: pip install 'edgehybrid[test]'"
)

from setuptools import Distribution

from edgehybrid.runtime.native import setup_commands
from edgehybrid.runtime.native.setup_commands import BdistWheel, BuildPy


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The architectures that libraries were built for, in place of the libraries themselves."""
    asked: list[tuple[str, ...]] = []

    def build_all(folder: Path, objects: Path, architectures: Sequence[str]) -> list[Path]:
        asked.append(tuple(architectures))
        made = [tmp_path / setup_commands.build.library_name(each) for each in architectures]
        for path in made:
            path.write_text(path.name)
        return made

    monkeypatch.setattr(setup_commands.build, "build_all", build_all)
    return asked


def command(kind: Any, **settings: Any) -> Any:
    """A command of a distribution without files of its own."""
    made = kind(Distribution({"name": "edgehybrid", "version": "0"}))
    for name, value in settings.items():
        setattr(made, name, value)
    made.ensure_finalized()
    return made


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_a_package_gets_the_libraries_of_its_wheel_and_no_older_ones(
    architecture: str, built: list[tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEHYBRID_ARCH", architecture)
    folder = tmp_path / "build" / "edgehybrid" / "runtime" / "native" / "lib"
    folder.mkdir(parents=True)
    (folder / "libedgehybrid_riscv64.so").write_text("of an earlier build")
    command(BuildPy, build_lib=str(tmp_path / "build")).run()
    assert built == [setup_commands.build.wheel_architectures()]
    assert {path.name for path in folder.iterdir()} == {f"libedgehybrid_{each}.so" for each in built[0]}


def test_an_editable_install_leaves_the_libraries_in_the_source(built: list[tuple[str, ...]], tmp_path: Path) -> None:
    command(BuildPy, build_lib=str(tmp_path / "build"), editable_mode=True).run()
    assert len(built) == 1
    assert not (tmp_path / "build" / "edgehybrid").exists()


def test_a_library_that_cannot_be_built_ends_the_installation_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise setup_commands.build.BuildError("There is no compiler. Run: pip install ziglang")

    monkeypatch.setattr(setup_commands.build, "build_all", fail)
    with pytest.raises(SystemExit, match="Run: pip install ziglang"):
        command(BuildPy, build_lib=str(tmp_path)).run()


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
@pytest.mark.parametrize(("is_portable", "system"), [(True, "manylinux_2_17"), (False, "linux")])
def test_a_wheel_is_of_one_architecture_and_any_python_3(
    architecture: str, is_portable: bool, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEHYBRID_ARCH", architecture)
    monkeypatch.setattr(setup_commands.build, "find_compiler", lambda _: SimpleNamespace(is_portable=is_portable))
    wheel = command(BdistWheel)
    assert wheel.get_tag() == ("py3", "none", f"{system}_{architecture}")
    assert not wheel.root_is_pure


def test_unless_told_a_wheel_is_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEHYBRID_ARCH", raising=False)
    monkeypatch.setattr(setup_commands.build, "find_compiler", lambda _: SimpleNamespace(is_portable=True))
    assert command(BdistWheel).get_tag()[2] == f"manylinux_2_17_{platform.machine()}"
