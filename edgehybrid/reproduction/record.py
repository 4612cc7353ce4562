"""What became of one training: a JSON file that says all that a row of the card needs, and how it came about."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from edgehybrid.errors import RunError
from edgehybrid.recipe import Recipe
from edgehybrid.runs.epoch_line import EpochLine

_AGAIN = "Restore the file, or remove it: 'edgehybrid reproduce' makes it again of a finished run."


# Of a recipe; what else it has is said of it.
_PARTS = ("data", "network", "training")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class FlatbufferRecord(_Part):
    """The flatbuffer of a training, and what it gives on all test images.

    Attributes:
        top1_agreement_percent: with Keras, of the images that it was compared on when it was converted.
    """

    format: str
    size_bytes: int
    model_sha256: str
    top1_percent: float
    top5_percent: float
    images: int
    top1_agreement_percent: float
    runtime: str
    isa: str | None


class TrainingRecord(_Part):
    """A finished training.

    Attributes:
        resolved: the recipe as it was trained, every default filled in, without where its images lay.
        recipe_sha256: of that.
        full_epochs: of the shipped recipe; ``epochs`` are those of this training.
        changes: from the shipped recipe, but for seed and epochs.
        top1_percent: of the test images, after the last epoch.
        top1_selected_percent: after the epoch that is best on the validation images; None without such images.
        processor, environment: what it was trained on, and with.
        seconds: of training, without evaluation.
        metrics: of each epoch, without the layers' health.
    """

    recipe: str
    recipe_sha256: str
    changes: list[str]
    seed: int
    epochs: int
    full_epochs: int
    top1_percent: float
    top1_selected_percent: float | None
    epoch_selected: int | None
    validation_images: int
    flatbuffer: FlatbufferRecord
    processor: str
    environment: dict[str, Any]
    seconds: float
    resolved: dict[str, Any]
    metrics: list[EpochLine]

    def recipe_of_today(self) -> Recipe | None:
        """What was trained, as this version reads it; None where it has a field that recipes no longer have."""
        try:
            return Recipe.model_validate_json(json.dumps(self.resolved))
        except ValidationError:
            return None

    def training(self) -> dict[str, Any]:
        """What was trained on what and how, but for the seed, as this version reads it where it can."""
        recipe = self.recipe_of_today()
        resolved = self.resolved if recipe is None else identity(recipe)
        parts = {part: resolved[part] for part in _PARTS}
        return parts | {"training": {**parts["training"], "seed": None}}


def identity(recipe: Recipe) -> dict[str, Any]:
    """The resolved recipe, without where its images lie: what makes two trainings the same one."""
    plain: dict[str, Any] = recipe.model_dump(mode="json")
    plain["data"]["path"] = None
    return plain


def without_places(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Of env.json what means something on another machine: no command, no paths."""
    left_out = ("command", "platform", "recipe_sha256")
    return {key: value for key, value in environment.items() if key not in left_out}


def sha256_of(resolved: Mapping[str, Any]) -> str:
    """Hash of a resolved recipe."""
    return hashlib.sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()


def is_same(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes are the same training of the same network on the same images, whatever is said of them."""
    mine, others = identity(one), identity(other)
    return all(mine[part] == others[part] for part in _PARTS)


def record_of(recipe: Recipe, records: Iterable[TrainingRecord]) -> TrainingRecord | None:
    """The record of this training, if there is one; also of a version that knew fewer fields of recipes."""
    for record in records:
        trained = record.recipe_of_today() if record.recipe == recipe.name else None
        if trained is not None and is_same(trained, recipe):
            return record
    return None


def by_training(records: Iterable[TrainingRecord]) -> list[list[TrainingRecord]]:
    """Records that differ in their seeds alone, together, in the order of seeds."""
    groups: dict[str, list[TrainingRecord]] = {}
    for record in sorted(records, key=lambda record: record.seed):
        alike = json.dumps([record.recipe, record.training()], sort_keys=True)
        groups.setdefault(alike, []).append(record)
    return list(groups.values())


def length_of(epochs: int, full_epochs: int) -> str:
    """How many epochs, and of how many where it is not the recipe's own number."""
    return str(epochs) if epochs == full_epochs else f"{epochs} of {full_epochs}"


def file_name(recipe: str, seed: int, epochs: int, recipe_sha256: str) -> str:
    """Of a record. The hash keeps two trainings apart that differ in some other field."""
    return f"{recipe.replace('/', '-')}-seed{seed}-{epochs}epochs-{recipe_sha256[:8]}.json"


def to_json(record: TrainingRecord) -> bytes:
    """As it is written: one line an epoch."""
    plain = record.model_dump(mode="json", exclude={"metrics"})
    lines = ",\n  ".join(line.to_json() for line in record.metrics)
    return (json.dumps(plain, indent=1)[:-2] + f',\n "metrics": [\n  {lines}\n ]\n}}\n').encode()


def read_records(folder: Path) -> dict[Path, TrainingRecord]:
    """All records of a folder, by file; none where there is no folder.

    Raises:
        RunError: one is damaged, or its recipe is not the one that its hash names.
    """
    return {path: _read(path) for path in sorted(folder.glob("*.json"))} if folder.is_dir() else {}


def _read(path: Path) -> TrainingRecord:
    try:
        record = TrainingRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RunError(f"A record is damaged: {path}: {error}.", next_step=_AGAIN) from error
    if record.recipe_sha256 != sha256_of(record.resolved):
        raise RunError(
            "A record is not that of its recipe.",
            received=f"{path}: {sha256_of(record.resolved)[:12]}…",
            allowed=f"{record.recipe_sha256[:12]}…",
            next_step=_AGAIN,
        )
    return record
