"""A test of the native code as a program of its own: what it is made of, and what is said where it cannot be."""

import platform
import subprocess
from pathlib import Path

import pytest

from edgehybrid.runtime.native import build as native_build
from edgehybrid.runtime.native.build import BuildError, find_compiler
from edgehybrid.runtime.native.executable import build_executable

ADD = "int add(int a, int b);\n"
MAIN = '#include "math/add.h"\nint main() { return add(40, TWO) == 42 ? 0 : 1; }\n'
TWO = ("-DTWO=2",)


@pytest.fixture
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two parts, of which one does not compile, and a test of the other, in place of the real sources."""
    try:
        find_compiler(platform.machine())
    except BuildError as error:
        pytest.skip(str(error))
    folder = tmp_path / "native"
    for part in ("math", "broken"):
        (folder / part).mkdir(parents=True)
    (folder / "math" / "add.h").write_text(ADD)
    (folder / "math" / "add.cc").write_text('#include "math/add.h"\nint add(int a, int b) { return a + b; }\n')
    (folder / "math" / "add_test.cc").write_text(MAIN)
    (folder / "broken" / "no.cc").write_text("int no( {\n")
    monkeypatch.setattr(native_build, "NATIVE", folder)
    return folder


@pytest.mark.usefixtures("native")
def test_a_program_is_made_of_its_main_and_the_parts_named(tmp_path: Path) -> None:
    program = build_executable("math/add_test.cc", ("math",), tmp_path / "new" / "out", platform.machine(), flags=TWO)
    assert program == tmp_path / "new" / "out" / "add_test"
    assert subprocess.run([program], check=False).returncode == 0


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(
    ("parts", "flags", "words"),
    [
        (("math", "broken"), TWO, r"(?s)-c .*no\.cc"),
        (("math",), (), r"(?s)add_test\.cc.*TWO"),
        ((), TWO, r"(?s)-o .*add_test\n.*add"),
    ],
    ids=["a part that does not compile", "a flag left out", "a part left out"],
)
def test_a_compilers_complaint_is_shown_with_its_command(
    parts: tuple[str, ...], flags: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    with pytest.raises(BuildError, match="The compiler failed: ") as failed:
        build_executable("math/add_test.cc", parts, tmp_path / "out", platform.machine(), flags=flags)
    assert not (tmp_path / "out" / "add_test").exists()
    failed.match(words)


@pytest.mark.usefixtures("native")
def test_another_compiler_may_be_named(tmp_path: Path) -> None:
    command = ("sh", "-c", 'echo "$@" >&2; exit 1', "compiler")
    with pytest.raises(BuildError, match=r"-O3 .*-DTWO=2 .*-I \S*native -c \S*\.cc -o \S*\.o"):
        build_executable("math/add_test.cc", ("math",), tmp_path, platform.machine(), command=command, flags=TWO)


@pytest.mark.usefixtures("native")
def test_what_ziglang_compiles_for_a_board_needs_no_libraries_of_it(tmp_path: Path) -> None:
    command = ("sh", "-c", 'echo "$@" >&2; exit 1', "c++", "-target", "aarch64-linux-gnu.2.17")
    with pytest.raises(BuildError, match=r"-target aarch64-linux-musl -static "):
        build_executable("math/add_test.cc", ("math",), tmp_path, "aarch64", command=command)
    with pytest.raises(BuildError, match=r"-target aarch64-linux-gnu\.2\.17 -std"):
        build_executable("math/add_test.cc", ("math",), tmp_path, "x86_64", command=command)
    # The caller's own is left as it was.
    assert command[-1] == "aarch64-linux-gnu.2.17"
