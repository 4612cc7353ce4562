"""A flatbuffer in a run folder, with the sidecar that tells its origin. No TensorFlow."""

import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgehybrid.cost.agreement import FORMATS, Format
from edgehybrid.errors import ModelFileError, RunError
from edgehybrid.recipe import Recipe
from edgehybrid.training.run_folder import RunFolder, find_run


@dataclass(frozen=True)
class Artefact:
    """A flatbuffer whose sidecar names it by its hash.

    Attributes:
        sidecar: what ``convert`` wrote about the flatbuffer.
    """

    path: Path
    sha256: str
    recipe: Recipe
    sidecar: dict[str, Any]


def open_artefact(path: Path) -> Artefact:
    """Reads a flatbuffer's hash and its sidecar.

    Raises:
        ModelFileError: one of the two is missing or damaged, or they do not belong together.
    """
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelFileError(f"The model file cannot be read: {error}.", received=path) from error
    sidecar_file = path.with_suffix(".json")
    try:
        sidecar = json.loads(sidecar_file.read_text())
        recipe = Recipe.model_validate(sidecar["recipe"])
        described = str(sidecar["model_sha256"])
    except FileNotFoundError as error:
        raise ModelFileError(
            "The model file has no sidecar, so its recipe and origin are unknown.", received=path,
            allowed=f"a flatbuffer of 'edgehybrid convert', with {sidecar_file.name} beside it",
        ) from error  # fmt: skip
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, ValidationError) as error:
        raise ModelFileError(f"The sidecar is damaged: {sidecar_file}: {error}.") from error
    if described != sha256:
        raise ModelFileError(
            "The sidecar is about another flatbuffer.", received=f"{path}: {sha256[:12]}…",
            allowed=f"{described[:12]}…", next_step="Convert the run again with --overwrite.",
        )  # fmt: skip
    return Artefact(path, sha256, recipe, sidecar)


def flatbuffers_of(run: RunFolder) -> list[Path]:
    """The run's flatbuffers, the newest first."""
    return sorted(run.path.glob("model.*.tflite"), key=lambda path: path.stat().st_mtime, reverse=True)


def find_artefact(runs: Path, model_or_run: str | None) -> Artefact:
    """The flatbuffer of that path; or the newest one of that run, or of the newest run, for this machine if there is
    one.

    Raises:
        RunError: there is no such file or run, or the run has no flatbuffer.
        ModelFileError: see ``open_artefact``.
    """
    if model_or_run is not None and Path(model_or_run).is_file():
        return open_artefact(Path(model_or_run))
    if model_or_run is not None and model_or_run.endswith(".tflite"):
        raise RunError("There is no such model file.", received=model_or_run)
    run = find_run(runs, model_or_run)
    found = flatbuffers_of(run)
    if not found:
        raise RunError(
            "The run has no flatbuffer.", received=run.path,
            next_step=f"Convert it with 'edgehybrid convert {run.path} --target {platform.machine()}'.",
        )  # fmt: skip
    here = [path for path in found if path.name.split(".")[-2] == platform.machine()]
    return open_artefact((here or found)[0])


def recipe_and_format(model: Path) -> tuple[Recipe, Format] | None:
    """What the sidecar of a model file says; None without a sidecar.

    Raises:
        ModelFileError: see ``open_artefact``; or a format that is not known.
    """
    if not model.with_suffix(".json").exists():
        return None
    artefact = open_artefact(model)
    file_format = artefact.sidecar.get("format")
    if file_format not in FORMATS:
        raise ModelFileError(
            "The sidecar does not say in which format the model is.", received=file_format, allowed=", ".join(FORMATS)
        )
    return artefact.recipe, file_format


def evaluation_file(path: Path) -> Path:
    """Where ``evaluate`` keeps the accuracy of a flatbuffer."""
    return path.with_suffix(".evaluation.json")


def read_top1(path: Path, sha256: str) -> tuple[float | None, int | None]:
    """(top1_percent, images) that ``evaluate_flatbuffer`` found for exactly this file; (None, None) if it did not.

    Raises:
        ModelFileError: the file of ``evaluate`` is damaged.
    """
    file = evaluation_file(path)
    try:
        found = json.loads(file.read_text())
        top1_percent, images, described = found["top1_percent"], found["images"], found["model_sha256"]
    except FileNotFoundError:
        return None, None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ModelFileError(
            f"The evaluation is damaged: {file}: {error}.", next_step="Evaluate the flatbuffer again."
        ) from error
    return (top1_percent, images) if described == sha256 else (None, None)
