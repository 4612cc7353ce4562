"""Compiles the native runtime, for this machine and for others.

``pip install`` calls it through ``setup_commands.py``. While developing,
``python edgehybrid/runtime/native/build.py`` builds what is out of date into ``lib/``.

The compiler is PyPI's ziglang, a build requirement, which compiles for either architecture and for glibc 2.17 on any
machine. Where it is missing, a g++ or clang++ of the machine compiles for the machine.

It imports nothing but the standard library: neither this package nor its dependencies are installed yet.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

NATIVE = Path(__file__).resolve().parent
PROCESSORS = ("x86_64", "aarch64")
# The oldest glibc that wheels for Linux may ask for, and ai-edge-litert's own.
GLIBC = "2.17"
# Sources of tests, benchmarks and fuzzing are no part of the library.
LEFT_OUT = ("_test", "_bench", "_fuzz")
# A source whose name ends so is compiled for one architecture, with these instructions beyond its baseline.
INSTRUCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "_x86_avx2": ("x86_64", ("-mavx2", "-mfma")),
    "_x86_avx512": (
        "x86_64",
        (
            "-mavx512f",
            "-mavx512bw",
            "-mavx512dq",
            "-mavx512vl",
            "-mavx512vpopcntdq",
            "-mfma",
            "-mprefer-vector-width=512",
        ),
    ),
    "_arm64_neon": ("aarch64", ()),
}
# No contraction: a multiplication and an addition are rounded apart unless the source says otherwise.
COMPILE = ("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-ffunction-sections")
# Pages of 16 KiB: the kernel of a Raspberry Pi 5 loads nothing that is aligned to less.
# -Os: for the C++ library that ziglang brings along and compiles when it first links: less work, and 50 kB less in each
# of ours.
LINK = ("-shared", "-s", "-Os", "-Wl,--gc-sections", "-Wl,-z,max-page-size=16384", "-Wl,--no-undefined")


class BuildError(Exception):
    """The library cannot be built; the message says why and what to do."""


class NoCompilerError(BuildError):
    """There is no compiler for an architecture."""


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler for one architecture.

    Attributes:
        command: its command line so far.
        link: what it needs to link a library without asking for one of its own at run time.
        is_portable: what it links runs with glibc 2.17.
    """

    name: str
    command: tuple[str, ...]
    link: tuple[str, ...] = ()
    is_portable: bool = False


def find_compiler(architecture: str) -> Compiler:
    """ziglang, or else the machine's own compiler.

    Raises:
        NoCompilerError: there is none for this architecture.
    """
    zig = find_spec("ziglang")
    if zig is not None and zig.origin is not None:
        target = f"{architecture}-linux-gnu.{GLIBC}"
        command = (str(Path(zig.origin).parent / "zig"), "c++", "-target", target)
        return Compiler("zig", command, is_portable=True)
    own = ("g++", "clang++") if architecture == platform.machine() else (f"{architecture}-linux-gnu-g++",)
    for name in own:
        if path := shutil.which(name):
            return Compiler(name, (path,), ("-static-libstdc++", "-static-libgcc", "-pthread"))
    raise NoCompilerError(
        f"The native runtime cannot be compiled for {architecture}: neither the Python package ziglang nor "
        f"{' nor '.join(own)} is there. Run: pip install ziglang"
    )


def sources(architecture: str) -> list[tuple[Path, tuple[str, ...]]]:
    """The sources of an architecture's library, and the instructions that each may use.

    Raises:
        BuildError: there are none.
    """
    found = []
    for path in sorted(NATIVE.rglob("*.cc")):
        if path.stem.endswith(LEFT_OUT):
            continue
        suffix = next((suffix for suffix in INSTRUCTIONS if path.stem.endswith(suffix)), None)
        only_for, flags = INSTRUCTIONS[suffix] if suffix else (architecture, ())
        if only_for == architecture:
            found.append((path, flags))
    if not found:
        raise BuildError(f"The native runtime has no sources in {NATIVE}.")
    return found


def library_name(architecture: str) -> str:
    """The file's name in ``lib/``."""
    return f"libedgehybrid_{architecture}.so"


def build(architecture: str, folder: Path, objects: Path) -> Path:
    """Compiles what is out of date, and links.

    Args:
        folder: where the library goes.
        objects: where compiled sources are kept for the next time.

    Raises:
        BuildError: no compiler, or it fails.
    """
    compiler = find_compiler(architecture)
    objects = objects / f"{compiler.name}-{architecture}"
    objects.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / library_name(architecture)
    files = sources(architecture)
    # Every source may include every header.
    headers = [*NATIVE.rglob("*.h"), *NATIVE.rglob("*.inc"), Path(__file__)]
    newest = max(path.stat().st_mtime for path in headers)
    made = [objects / f"{'.'.join(path.relative_to(NATIVE).parts)}.o" for path, _ in files]

    def compile_source(path: Path, flags: Sequence[str], result: Path) -> None:
        if not _is_older(result, max(newest, path.stat().st_mtime)):
            return
        # Put in place whole: what an interrupted call leaves must not count as up to date.
        new = result.with_suffix(".new.o")
        _run([*compiler.command, *COMPILE, *flags, "-I", str(NATIVE), "-c", str(path), "-o", str(new)])
        new.replace(result)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(compile_source, *file, to) for file, to in zip(files, made, strict=True)]:
            done.result()
    exports = NATIVE / "delegate" / "exports.map"
    if _is_older(library, max(newest, *(path.stat().st_mtime for path in [exports, *made]))):
        new = library.with_suffix(".new.so")
        script = f"-Wl,--version-script={exports}"
        _run([*compiler.command, *LINK, *compiler.link, script, *map(str, made), "-o", str(new)])
        new.replace(library)
    return library


def _is_older(path: Path, time: float) -> bool:
    return not path.exists() or path.stat().st_mtime <= time


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise BuildError(f"The compiler failed: {' '.join(command)}\n{done.stdout}{done.stderr}")


def build_all(folder: Path, objects: Path, architectures: Sequence[str]) -> list[Path]:
    """Builds for each architecture; another than this machine's is left out where no compiler is there for it.

    Raises:
        BuildError: a library cannot be built.
    """
    built = []
    for architecture in architectures:
        try:
            built.append(build(architecture, folder, objects))
        except NoCompilerError as error:
            if architecture == platform.machine() or len(architectures) == 1:
                raise
            print(f"edgehybrid: {error}\nedgehybrid: this build goes on without it.", file=sys.stderr)
    return built


def wheel_architectures() -> tuple[str, ...]:
    """What a wheel carries: its own architecture, and on x86-64 also what a board is sent.

    ``EDGEHYBRID_ARCH`` builds the wheel of another architecture than this machine's.
    """
    own = os.environ.get("EDGEHYBRID_ARCH") or platform.machine()
    return PROCESSORS if own == "x86_64" else (own,)


def main() -> int:
    """Builds in place the libraries of the architectures named, or of all."""
    try:
        libraries = build_all(NATIVE / "lib", NATIVE.parents[2] / "build" / "native", sys.argv[1:] or PROCESSORS)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    for library in libraries:
        print(f"{library}: {library.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
