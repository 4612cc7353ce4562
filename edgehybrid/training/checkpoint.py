"""The state of a training to and from its run folder. Atomic: latest.json is replaced last."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from edgehybrid.errors import RunError
from edgehybrid.training.run_folder import RunFolder, write_atomically

# A reader that has just read latest.json still finds the file that it names.
FILES_KEPT = 2
EXTRA = "extra."
Values = list[NDArray[Any]]
_STRICT = ConfigDict(strict=True, extra="forbid")


@with_config(_STRICT)
@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a training is. With the recipe it decides all that follows: no random generator has a state.

    Attributes:
        epoch: finished epochs.
        step: steps done in the epoch after those.
        loss_sum, correct, images, seconds: sums over these steps.
    """

    epoch: int
    step: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    images: int = 0
    seconds: float = 0.0


@with_config(_STRICT)
@dataclass(frozen=True, kw_only=True)
class Record(Progress):
    """What latest.json says.

    Attributes:
        file: the newest checkpoint's file name.
        sha256: of that file.
        recipe_sha256: of the recipe that was trained.
    """

    file: str
    sha256: str
    recipe_sha256: str


def values_of(model: Any, optimizer: Any) -> Values:
    """All variables as arrays. With several workers this is a collective operation: every worker must call it."""
    return [np.asarray(v) for v in _variables(model, optimizer)]


def set_values(model: Any, values: Values) -> None:
    """Gives a model the values that ``values_of`` read from its copies."""
    variables = _variables(model, None)
    for variable, value in zip(variables, values[: len(variables)], strict=True):
        variable.assign(value)


def save_checkpoint(
    run: RunFolder, values: Values, progress: Progress, extra: Mapping[str, NDArray[Any]] | None = None
) -> Record:
    """Writes all variables, then points latest.json at them, then removes older files.

    Args:
        values: what ``values_of`` read.
        extra: more arrays to keep, by name.

    Raises:
        RunError: the disk is full or refuses; the checkpoint before is untouched.
    """
    folder = run.path / "checkpoint"
    arrays = {f"{index:04d}": value for index, value in enumerate(values)}
    content = _pack(arrays | {f"{EXTRA}{name}": value for name, value in (extra or {}).items()})
    record = Record(
        file=f"epoch-{progress.epoch:04d}-step-{progress.step:07d}.npz", sha256=hashlib.sha256(content).hexdigest(),
        recipe_sha256=run.recipe_sha256, **asdict(progress),
    )  # fmt: skip
    try:
        folder.mkdir(exist_ok=True)
        write_atomically(folder / record.file, content)
        write_atomically(folder / "latest.json", json.dumps(asdict(record), indent=2).encode())
        for old in sorted(folder.glob("epoch-*.npz"), key=lambda path: path.stat().st_mtime_ns)[:-FILES_KEPT]:
            old.unlink()
    except OSError as error:
        raise RunError(
            f"The checkpoint cannot be written: {error}.", received=folder / record.file,
            next_step=f"The checkpoint before it is whole. Make room, then 'edgehybrid train --resume {run.path}'.",
        ) from error  # fmt: skip
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
            "The run has no checkpoint yet.", received=run.path,
            next_step=f"Train it on with 'edgehybrid train --resume {run.path}'.",
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


def warnings_of(run: RunFolder, record: Record) -> list[str]:
    """What users of the weights should know: that the training is not finished; else nothing."""
    epochs = run.recipe.training.epochs
    if record.epoch >= epochs:
        return []
    steps = f", and {record.step} steps of the next" if record.step else ""
    return [
        f"The training is not finished: {record.epoch} of {epochs} epochs{steps}. These are its weights so far; "
        f"'edgehybrid train --resume {run.path}' trains it on."
    ]


def remove_left_overs(run: RunFolder) -> None:
    """Removes the temporary files of a training that was killed while it wrote. Only the run's owner may call it."""
    for pattern in ("checkpoint/.*.tmp", ".metrics.jsonl.*.tmp"):
        for path in run.path.glob(pattern):
            path.unlink(missing_ok=True)


def has_checkpoint(run: RunFolder) -> bool:
    """Whether a checkpoint was ever finished in this run folder."""
    return (run.path / "checkpoint" / "latest.json").exists()


def restore_checkpoint(
    run: RunFolder, model: Any, optimizer: Any | None = None, extra: dict[str, NDArray[Any]] | None = None
) -> Record:
    """Assigns the newest checkpoint to the model's variables, to the optimizer's and to ``extra`` if they are given.

    Raises:
        RunError: as ``read_record``, or the file's hash, number or shapes of arrays are wrong.
    """
    record = read_record(run)
    path = run.path / "checkpoint" / record.file
    arrays = _unpack(path, record.sha256)
    found = [arrays[name] for name in sorted(arrays) if not name.startswith(EXTRA)]
    variables = _variables(model, optimizer)
    if optimizer is None:
        found = found[: len(variables)]
    if [v.shape for v in found] != [tuple(v.shape) for v in variables]:
        raise _damaged(path, "its arrays are not those of this network")
    for variable, array in zip(variables, found, strict=True):
        variable.assign(array)
    if extra is not None:
        extra |= {name.removeprefix(EXTRA): value for name, value in arrays.items() if name.startswith(EXTRA)}
    return record


def _variables(model: Any, optimizer: Any | None) -> list[Any]:
    """The model's variables, real-valued ones behind quantised ones, then the optimizer's."""
    latent = [getattr(v, "latent_variable", v) for v in model.variables]
    return latent + list(optimizer.variables if optimizer is not None else [])


def _pack(arrays: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def _unpack(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, str(error)) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _damaged(path, "its SHA-256 is not the recorded one")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> RunError:
    return RunError(
        f"The checkpoint is damaged: {path}: {why}.",
        next_step="Copy the run folder again, or train a new run.",
    )
