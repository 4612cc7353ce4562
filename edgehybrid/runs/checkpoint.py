"""The state of a training to and from its run folder. Atomic: latest.json is replaced last.

Weights are saved before any loss is computed with them. So the checkpoint before the newest one is kept too: its
weights are proven, and ``take_back`` returns to them if those of the newest one turn out to be no good.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from edgehybrid.errors import RunError
from edgehybrid.files import make_folder, write_atomically
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runs.zoo import lies_in_zoo

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
        proven: whether a loss computed with these weights is known to be finite.
        before: the checkpoint before this one, which is proven; None if there is none.
        record_sha256: of all other fields, as they are in the file; None in records of earlier versions, and in memory.
    """

    file: str
    sha256: str
    recipe_sha256: str
    proven: bool = False
    before: "Record | None" = None
    record_sha256: str | None = None


_RECORD = TypeAdapter(Record)


def save_checkpoint(
    run: RunFolder, values: Values, progress: Progress, extra: Mapping[str, NDArray[Any]] | None = None
) -> Record:
    """Writes all variables, then points latest.json at them, then removes all files but these and the ones before.

    Who saves has trained on from the checkpoint before, so that one is proven now.

    Args:
        values: of all variables (edgehybrid/model/variables.py).
        extra: more arrays to keep, by name.

    Raises:
        RunError: the disk is full or refuses; the checkpoint before is untouched. Or that one is damaged.
    """
    folder = run.path / "checkpoint"
    before = replace(read_record(run), proven=True, before=None) if has_checkpoint(run) else None
    arrays = {f"{index:04d}": value for index, value in enumerate(values)}
    content = _pack(arrays | {f"{EXTRA}{name}": value for name, value in (extra or {}).items()})
    record = Record(
        file=f"epoch-{progress.epoch:04d}-step-{progress.step:07d}.npz",
        sha256=hashlib.sha256(content).hexdigest(),
        recipe_sha256=run.recipe_sha256,
        before=before,
        **asdict(progress),
    )
    # A reader that has just read the old latest.json still finds the file that it names.
    kept = {record.file, before.file if before else record.file}
    try:
        make_folder(folder, exist_ok=True)
        write_atomically(folder / record.file, content)
        _point_at(record, folder)
        for path in folder.glob("epoch-*.npz"):
            if path.name not in kept:
                path.unlink()
    except OSError as error:
        raise _unwritable(run, folder / record.file, error) from error
    return record


def take_back(run: RunFolder, progress: Progress) -> Record | None:
    """The checkpoint to keep when the weights after ``progress`` gave no finite numbers; None if there is none.

    If the newest checkpoint is that of ``progress`` and is not proven, its weights are no good: latest.json points at
    the one before again, or is removed if there is none. Only the run's owner may call it.

    Raises:
        RunError: as ``read_record``, or the disk is full or refuses.
    """
    if not has_checkpoint(run):
        return None
    record, folder = read_record(run), run.path / "checkpoint"
    if record.proven or (record.epoch, record.step) != (progress.epoch, progress.step):
        return record
    try:
        if record.before is None:
            (folder / "latest.json").unlink()
        else:
            _point_at(record.before, folder)
    except OSError as error:
        raise _unwritable(run, folder / "latest.json", error) from error
    return record.before


def read_record(run: RunFolder) -> Record:
    """Reads latest.json.

    Raises:
        RunError: there is no checkpoint, it is damaged, or it belongs to another recipe.
    """
    path = run.path / "checkpoint" / "latest.json"
    try:
        content = path.read_bytes()
        record = _RECORD.validate_json(content)
    except FileNotFoundError as error:
        raise RunError(
            "The run has no checkpoint yet.",
            received=run.path,
            next_step=f"Train it on with 'edgehybrid train --resume {run.path}'.",
        ) from error
    except (OSError, ValidationError) as error:
        raise _damaged(path, str(error)) from error
    # Of the fields as they were written: a later version may know more of them.
    if record.record_sha256 not in (None, _sha256_of_fields(json.loads(content))):
        raise _damaged(path, "the SHA-256 of its fields is not the recorded one")
    if record.recipe_sha256 != run.recipe_sha256:
        raise RunError(
            "The run folder holds the checkpoint of another recipe.",
            received=f"recipe.yaml {run.recipe_sha256[:12]}…, checkpoint {record.recipe_sha256[:12]}…",
            allowed="the recipe that was trained, unchanged",
            next_step="Restore recipe.yaml, or train the changed recipe in a new run.",
        )
    return replace(record, record_sha256=None)


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
    for pattern in ("checkpoint/.*.tmp", ".metrics.jsonl.*.tmp", ".recipe.yaml.*.tmp", ".env.json.*.tmp"):
        for path in run.path.glob(pattern):
            path.unlink(missing_ok=True)


def has_checkpoint(run: RunFolder) -> bool:
    """Whether a checkpoint was ever finished in this run folder."""
    return (run.path / "checkpoint" / "latest.json").exists()


def load_arrays(run: RunFolder, record: Record) -> tuple[Values, dict[str, NDArray[Any]]]:
    """The values of all variables in a checkpoint, and the further arrays by name.

    Raises:
        RunError: the file is missing or damaged.
    """
    if lies_in_zoo(run.path):
        raise RunError(
            "A network of the zoo has no weights beside its flatbuffer.",
            received=run.path.name,
            next_step=f"Train it: 'edgehybrid train {run.path / 'recipe.yaml'}'.",
        )
    arrays = _unpack(run.path / "checkpoint" / record.file, record.sha256)
    values = [arrays[name] for name in sorted(arrays) if not name.startswith(EXTRA)]
    return values, {name.removeprefix(EXTRA): value for name, value in arrays.items() if name.startswith(EXTRA)}


def wrong_arrays(run: RunFolder, record: Record) -> RunError:
    """The refusal of a sound file that holds another network."""
    return _damaged(run.path / "checkpoint" / record.file, "its arrays are not those of this network")


def _pack(arrays: dict[str, NDArray[Any]]) -> bytes:
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


def _point_at(record: Record, folder: Path) -> None:
    fields = asdict(record)
    fields["record_sha256"] = _sha256_of_fields(fields)
    write_atomically(folder / "latest.json", json.dumps(fields, indent=2).encode())


def _sha256_of_fields(fields: Mapping[str, object]) -> str:
    others = {name: value for name, value in fields.items() if name != "record_sha256"}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def _unwritable(run: RunFolder, path: Path, error: OSError) -> RunError:
    return RunError(
        f"The checkpoint cannot be written: {error}.",
        received=path,
        next_step=f"The checkpoint before it is whole. Make room, then 'edgehybrid train --resume {run.path}'.",
    )


def _damaged(path: Path, why: str) -> RunError:
    return RunError(
        f"The checkpoint is damaged: {path}: {why}.",
        next_step="Copy the run folder again, or train a new run.",
    )
