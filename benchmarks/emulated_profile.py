"""Where our delegate's instructions go on an emulated 64-bit ARM board.

    python benchmarks/emulated_profile.py [--network hybrid_res_a] [--cpu cortex-a72] [--functions 12] [--json]

The board of ``emulated_instructions.py`` notes its place in our library once in 20,011 instructions. Functions are
those that the compiler left whole; kinds are instructions, V for those of vector registers. Needs what that program
needs, and llvm-objdump of Debian's package llvm.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from emulated_board import BoardError, board_in, run_on
from emulated_instructions import CPUS, LIBRARY, OURS, WORK, image_file
from rivals import NETWORKS, SkippedError, flatbuffers_of

from edgehybrid.runtime.native import build

OBJDUMP = "llvm-objdump"
VECTOR = re.compile(r"\{? ?[vqsd]\d")
# What all functions are called alike, and then their arguments: the name of one is enough.
NOISE = re.compile(r"edgehybrid::|\(anonymous namespace\)::|neon::|\((?:edgehybrid::)?Micro\)|^void ")
ARGUMENTS = re.compile(r"\([^()]*\)( const)?$")


class Instruction(NamedTuple):
    """One of the library's.

    Attributes:
        function: that it stands in.
        kind: its mnemonic, with a V for vectors.
    """

    function: str
    kind: str


def build_with_names(folder: Path) -> Path:
    """The library for aarch64 with the names of its functions, which the one that is shipped lacks.

    Raises:
        BuildError: no compiler, or it fails.
    """
    compiler, library = build.find_compiler("aarch64"), folder / LIBRARY
    # Compiled and linked at once: what is meant for the link alone would compile for size, and leave the names out.
    link = [flag for flag in build.LINK if flag not in ("-s", "-Os")]
    flags = [*build.COMPILE, *link, *compiler.link, "-I", str(build.NATIVE)]
    script = f"-Wl,--version-script={build.NATIVE / 'delegate' / 'exports.map'}"
    files = [str(path) for path, _ in build.sources("aarch64")]
    done = subprocess.run(
        [*compiler.command, *flags, script, *files, "-o", str(library)], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise build.BuildError(f"The compiler failed:\n{done.stderr}")
    return library


def instructions_in(disassembly: str) -> Iterator[tuple[int, Instruction]]:
    """Address and instruction, from what llvm-objdump prints."""
    function = ""
    for line in disassembly.splitlines():
        if head := re.fullmatch(r"[0-9a-f]+ <(.*)>:", line):
            function = short_name(head[1])
        elif found := re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)", line):
            vector = " V" if VECTOR.match(found[3]) else ""
            yield int(found[1], 16), Instruction(function, found[2] + vector)


def short_name(function: str) -> str:
    """Without arguments, and without what all of them are called."""
    return ARGUMENTS.sub("", NOISE.sub("", function))


def shares(sampled: Mapping[str, Any], code: Mapping[int, Instruction]) -> dict[str, Any]:
    """Shares of all samples: by function, each with its kinds as shares of the function, and by kind."""
    functions: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    kinds_in: dict[str, Counter[str]] = {}
    for place, number in sampled["places"]:
        function, kind = code[place]
        functions[function] += number
        kinds[kind] += number
        kinds_in.setdefault(function, Counter())[kind] += number
    samples = functions.total() + sampled["outside"]
    return {
        "samples": samples,
        "outside_of_library": sampled["outside"] / samples,
        "kinds": _parts(kinds, samples),
        "functions": {
            name: {"share": number / samples, "kinds": _parts(kinds_in[name], number)}
            for name, number in functions.most_common()
        },
    }


def _parts(counts: Counter[str], whole: int) -> dict[str, float]:
    return {name: number / whole for name, number in counts.most_common()}


def print_shares(found: Mapping[str, Any], functions: int) -> None:
    """The largest functions, and the kinds of instructions that matter most."""
    print(f"{found['samples']} samples, {found['outside_of_library']:.1%} outside of the library")
    print(f"{'all':>6}  {_listed(found['kinds'], 16)}")
    for name, function in list(found["functions"].items())[:functions]:
        print(f"{function['share']:6.1%}  {name}\n{'':8}{_listed(function['kinds'], 10)}")


def _listed(kinds: Mapping[str, float], most: int) -> str:
    return ", ".join(f"{kind} {share:.0%}" for kind, share in list(kinds.items())[:most])


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the network, samples, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default=NETWORKS[0])
    parser.add_argument("--cpu", choices=CPUS, default=next(iter(CPUS)))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--functions", type=int, default=12, help="to print")
    parser.add_argument("--models", type=Path, help="folder that keeps the flatbuffers; empty it when networks change")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--timeout-seconds", type=float, default=1800)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if shutil.which(OBJDUMP) is None:
        print(f"{OBJDUMP} is not installed. Run: apt-get install llvm", file=sys.stderr)
        return 1
    try:
        board = board_in(given.work)
        with tempfile.TemporaryDirectory(prefix="edgehybrid-") as name:
            folder = Path(name)
            models = given.models or folder
            models.mkdir(parents=True, exist_ok=True)
            model = flatbuffers_of(given.network, models, "aarch64")[OURS].read_bytes()
            library = build_with_names(folder)
            job = {"sample": {"model": f"/{OURS}.tflite", "library": f"/{LIBRARY}", "runs": given.runs}}
            files = {"job.json": json.dumps(job).encode(), "image.npy": image_file(model), f"{OURS}.tflite": model}
            files[LIBRARY] = library.read_bytes()
            sampled = run_on(board, given.cpu, files, folder, given.timeout_seconds)
            command = [OBJDUMP, "--disassemble", "--demangle", "--no-show-raw-insn", str(library)]
            code = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (BoardError, SkippedError, build.BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    found = shares(sampled, dict(instructions_in(code)))
    if given.json:
        print(json.dumps({"network": given.network, "cpu": given.cpu, **found}, indent=2))
    else:
        print_shares(found, given.functions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
