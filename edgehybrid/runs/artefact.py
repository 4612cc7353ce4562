"""A flatbuffer with the sidecar that tells its origin."""

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

from edgehybrid.errors import FlatbufferError, RunError
from edgehybrid.recipe import Recipe
from edgehybrid.runs.run_folder import find_run
from edgehybrid.runs.sidecar import Sidecar, flatbuffers_in, is_for, read_sidecar, sidecar_path
from edgehybrid.runs.zoo import format_order, is_of_zoo, zoo_entry


@dataclass(frozen=True)
class Artefact:
    """A flatbuffer whose sidecar names it by its hash."""

    path: Path
    sidecar: Sidecar

    @property
    def sha256(self) -> str:
        """Hash of the flatbuffer."""
        return self.sidecar.model_sha256

    @property
    def recipe(self) -> Recipe:
        """What was trained.

        Raises:
            FlatbufferError: nothing was, here: the model is a user's own.
        """
        if self.sidecar.recipe is None:
            raise FlatbufferError(
                "The model was not trained here, so no recipe says which images it is for.",
                received=f"{self.path}, converted from {self.sidecar.source}",
                next_step="Name a recipe with its data: edgehybrid evaluate MODEL --data RECIPE.",
            )
        return self.sidecar.recipe


def open_artefact(path: Path) -> Artefact:
    """Reads a flatbuffer's hash and its sidecar.

    Raises:
        FlatbufferError: one of the two is missing or damaged, or they do not belong together.
    """
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise FlatbufferError(f"The model file cannot be read: {error}.", received=path) from error
    sidecar = read_sidecar(path)
    if sidecar.model_sha256 != sha256:
        raise FlatbufferError(
            "The sidecar is about another flatbuffer.",
            received=f"{path}: {sha256[:12]}…",
            allowed=f"{sidecar.model_sha256[:12]}…",
            next_step="Convert the run again with --overwrite.",
        )
    return Artefact(path, sidecar)


def find_artefact(runs: Path, run_or_flatbuffer: str | None, machine: str | None = None) -> Artefact:
    """The flatbuffer of that path; or the newest one of that run, or of the newest run, for a machine if there is one.

    ``zoo:NAME`` is a run of the zoo, ``zoo:NAME:FORMAT`` its flatbuffer of that format.

    Args:
        machine: its architecture; by default this machine's.

    Raises:
        RunError: there is no such file or run, or the run has no flatbuffer.
        FlatbufferError: see ``open_artefact``.
    """
    if run_or_flatbuffer is not None and Path(run_or_flatbuffer).is_file():
        return open_artefact(Path(run_or_flatbuffer))
    if run_or_flatbuffer is not None and run_or_flatbuffer.endswith(".tflite"):
        raise RunError("There is no such model file.", received=run_or_flatbuffer)
    run, machine = find_run(runs, run_or_flatbuffer), machine or platform.machine()
    found = flatbuffers_in(run.path)
    if run_or_flatbuffer is not None and is_of_zoo(run_or_flatbuffer):
        found = _of_format(found, zoo_entry(run_or_flatbuffer)[1])
    if not found:
        raise RunError(
            "The run has no flatbuffer.",
            received=run.path,
            next_step=f"Convert it with 'edgehybrid convert {run.path} --target {machine}'.",
        )
    here = [path for path in found if is_for(path, machine)]
    return open_artefact((here or found)[0])


def _of_format(flatbuffers: list[Path], file_format: str | None) -> list[Path]:
    """Of a network of the zoo, in the order of its formats; or those of one format."""
    formats = [path.name.split(".")[1] for path in flatbuffers]
    if file_format is None:
        return sorted(flatbuffers, key=format_order)
    if file_format not in formats:
        raise RunError(
            "The network of the zoo has no flatbuffer of this format.",
            received=file_format,
            allowed=", ".join(sorted(set(formats))),
        )
    return [path for path, its_format in zip(flatbuffers, formats, strict=True) if its_format == file_format]


def artefact_or_none(flatbuffer: Path) -> Artefact | None:
    """``open_artefact``; None for a flatbuffer without a sidecar, which comes from elsewhere."""
    return open_artefact(flatbuffer) if sidecar_path(flatbuffer).exists() else None
