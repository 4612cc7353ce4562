"""Weights and optimizer state to and from a run folder. Atomic: latest.json is replaced last."""

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from edgehybrid.errors import RunError
from edgehybrid.training.run_folder import RunFolder, write_atomically


@with_config(ConfigDict(strict=True, extra="forbid"))
@dataclass(frozen=True)
class Record:
    """What latest.json says.

    Attributes:
        file: the newest checkpoint's file name.
        sha256: of that file.
        epoch: finished epochs.
        recipe_sha256: of the recipe that was trained.
    """

    file: str
    sha256: str
    epoch: int
    recipe_sha256: str


def save_checkpoint(run: RunFolder, model: Any, optimizer: Any, epoch: int) -> Record:
    """Writes all variables after ``epoch`` epochs, then points latest.json at them, then removes older files."""
    folder = run.path / "checkpoint"
    folder.mkdir(exist_ok=True)
    content = _pack({f"{index:04d}": np.asarray(v) for index, v in enumerate(_variables(model, optimizer))})
    record = Record(f"epoch-{epoch:04d}.npz", hashlib.sha256(content).hexdigest(), epoch, run.recipe_sha256)
    write_atomically(folder / record.file, content)
    write_atomically(folder / "latest.json", json.dumps(asdict(record), indent=2).encode())
    for old in folder.glob("epoch-*.npz"):
        if old.name != record.file:
            old.unlink()
    return record


def read_record(run: RunFolder) -> Record:
    """Reads latest.json.

    Raises:
        RunError: there is no checkpoint, it is damaged, or it belongs to another recipe.
    """
    path = run.path / "checkpoint" / "latest.json"
    try:
        record = TypeAdapter(Record).validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise RunError(
            "The run has no checkpoint: no epoch was finished.", received=run.path,
            next_step="Train a new run; only a finished epoch can be resumed.",
        ) from error  # fmt: skip
    except (OSError, ValidationError) as error:
        raise _damaged(path, str(error)) from error
    if record.recipe_sha256 != run.recipe_sha256:
        raise RunError(
            "The run folder holds the checkpoint of another recipe.",
            received=f"recipe.yaml {run.recipe_sha256[:12]}…, checkpoint {record.recipe_sha256[:12]}…",
            allowed="the recipe that was trained, unchanged",
            next_step="Restore recipe.yaml, or train the changed recipe in a new run.",
        )
    return record


def restore_checkpoint(run: RunFolder, model: Any, optimizer: Any | None = None) -> Record:
    """Assigns the newest checkpoint to the model's variables, and to the optimizer's if one is given.

    Raises:
        RunError: as ``read_record``, or the file's hash, number or shapes of arrays are wrong.
    """
    record = read_record(run)
    path = run.path / "checkpoint" / record.file
    arrays = _unpack(path, record.sha256)
    variables = _variables(model, optimizer)
    if optimizer is None:
        arrays = arrays[: len(variables)]
    if [v.shape for v in arrays] != [tuple(v.shape) for v in variables]:
        raise _damaged(path, "its arrays are not those of this network")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return record


def _variables(model: Any, optimizer: Any | None) -> list[Any]:
    """The model's variables, real-valued ones behind quantised ones, then the optimizer's."""
    latent = [getattr(v, "latent_variable", v) for v in model.variables]
    return latent + list(optimizer.variables if optimizer is not None else [])


def _pack(arrays: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _unpack(path: Path, sha256: str) -> list[Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, str(error)) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _damaged(path, "its SHA-256 is not the recorded one")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return [archive[name] for name in sorted(archive.files)]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> RunError:
    return RunError(
        f"The checkpoint is damaged: {path}: {why}.",
        next_step="Copy the run folder again, or train a new run.",
    )
