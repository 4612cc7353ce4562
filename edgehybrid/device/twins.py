"""The full-precision twins of a packed flatbuffer: its rivals in speed, in int8 and in float32."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from threading import Lock

from edgehybrid.census.formats import Format
from edgehybrid.errors import EdgehybridError
from edgehybrid.runs.artefact import Artefact, open_artefact
from edgehybrid.runs.sidecar import flatbuffer_name
from edgehybrid.runs.zoo import lies_in_zoo

FORMATS: tuple[Format, ...] = ("int8", "float32")
_ONE_AT_A_TIME = Lock()


def twins_of(artefact: Artefact, say: Callable[[str], None]) -> list[Artefact]:
    """Those beside a packed flatbuffer of a run; what is missing is converted, which needs no training.

    Args:
        say: told what is done, and what could not be.

    Returns:
        int8 first; none for a flatbuffer that is not packed, is a twin itself, or comes from no run.
    """
    sidecar = artefact.sidecar
    if not sidecar.format.startswith("packed") or sidecar.run is None or sidecar.recipe is None:
        return []
    found = []
    for file_format in FORMATS:
        path = artefact.path.with_name(flatbuffer_name(file_format, sidecar.target, twin=True))
        with _ONE_AT_A_TIME:
            if not path.exists() and (problem := _convert(artefact, file_format, say)):
                say(f"Note: no {file_format} twin to compare with: {problem}")
                continue
        try:
            found.append(open_artefact(path))
        except EdgehybridError as error:
            say(f"Note: no {file_format} twin to compare with: {error.what}")
    return found


def _convert(artefact: Artefact, file_format: Format, say: Callable[[str], None]) -> str | None:
    """Runs ``edgehybrid convert --twin`` in a process of its own. Returns why it could not."""
    if lies_in_zoo(artefact.path.parent):
        return "the zoo is not written to; name a network of it that was trained in full precision"
    if find_spec("tensorflow") is None:
        return "converting one needs edgehybrid[train]"
    say(f"convert the {file_format} twin of {artefact.sidecar.name}, once")
    command = [
        *(sys.executable, "-P", "-m", "edgehybrid", "convert", str(artefact.path.parent.resolve()), "--twin"),
        *("--target", artefact.sidecar.target, "--format", file_format),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    return None if done.returncode == 0 else (lines or [f"exit status {done.returncode}"])[-1].removeprefix("Error: ")
