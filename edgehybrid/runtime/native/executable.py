"""Compiles a test or a benchmark of the native code into a program of its own.

Neither is part of the library, so ``build.py`` leaves them out; compiler and instructions are those of the library.
"""

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edgehybrid.runtime.native import build


def build_executable(
    main: str,
    parts: Sequence[str],
    folder: Path,
    architecture: str,
    *,
    command: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> Path:
    """Compiles ``main`` and the sources of ``parts``, and links them.

    Args:
        main: the source with ``main``, below ``edgehybrid/runtime/native``.
        parts: folders there whose sources it needs.
        folder: where objects and the program go.
        command: a compiler to take in place of the library's.
        flags: more flags, behind those of the library.

    Returns:
        The program. What ziglang compiles for aarch64 is static, so that qemu needs no libraries of a board.

    Raises:
        BuildError: no compiler, or it fails.
    """
    command = list(command or build.find_compiler(architecture).command)
    if "-target" in command and architecture == "aarch64":
        command[command.index("-target") + 1] = "aarch64-linux-musl"
        command.append("-static")
    folder.mkdir(parents=True, exist_ok=True)
    files = [
        (path, own) for path, own in build.sources(architecture) if path.relative_to(build.NATIVE).parts[0] in parts
    ]
    files.append((build.NATIVE / main, ()))
    objects = [folder / f"{path.stem}.o" for path, _ in files]

    def compile_source(path: Path, own: Sequence[str], result: Path) -> None:
        _run([*command, *build.COMPILE, *own, *flags, "-I", str(build.NATIVE), "-c", str(path), "-o", str(result)])

    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(compile_source, *file, to) for file, to in zip(files, objects, strict=True)]:
            done.result()
    program = folder / Path(main).stem
    _run([*command, *flags, *map(str, objects), "-o", str(program)])
    return program


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise build.BuildError(f"The compiler failed: {' '.join(command)}\n{done.stdout}{done.stderr}")
