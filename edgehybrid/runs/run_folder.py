"""The run folder: one training's recipe, metrics, environment, checkpoint and flatbuffers. No TensorFlow.

<runs>/<recipe>-<UTC time>-<6 hex>/
    recipe.yaml     every default filled in
    env.json        versions, processor, command
    metrics.jsonl   a line an epoch
    checkpoint/     latest.json names the newest file and its SHA-256
    model.<format>.<target>.tflite and its .json
"""

import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from edgehybrid import __version__
from edgehybrid.errors import RecipeError, RunError
from edgehybrid.files import make_folder, write_atomically
from edgehybrid.recipe import Recipe, load_recipe
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.zoo import is_of_zoo, zoo_entry, zoo_folder

# Recipe, time of creation in UTC, six random digits. A copy or a renamed folder is a run only for who names it.
_NAME = re.compile(r"(.+)-([0-9]{8}T[0-9]{6}Z)-[0-9a-f]{6}")
# Read before, by the hash of the file: YAML takes long, and a report opens many runs of one recipe.
_recipes: dict[str, Recipe] = {}


@dataclass(frozen=True)
class RunFolder:
    """A run folder that exists, and the recipe in it.

    ``recipe_sha256`` is the hash of recipe.yaml as it lies there: later versions may know more fields, and the
    identity of a finished run must not change with them.
    """

    path: Path
    recipe: Recipe
    recipe_sha256: str

    @property
    def name(self) -> str:
        """The folder's own name, which identifies the run."""
        return self.path.name

    def epochs(self) -> list[EpochLine]:
        """The lines of metrics.jsonl, one for each finished epoch.

        Raises:
            RunError: a line is damaged.
        """
        path = self.path / "metrics.jsonl"
        if not path.exists():
            return []
        try:
            return [EpochLine.model_validate_json(line) for line in path.read_bytes().splitlines() if line]
        except ValidationError as error:
            raise RunError(f"{path}: a line is damaged: {error}.") from error

    def selected_epoch(self) -> EpochLine | None:
        """The epoch with the best accuracy on the validation images, of those in which it was measured.

        The first of equals; None without such images.
        """
        found = [(line.top1_validation_percent, line) for line in self.epochs()]
        known = [(top1, line) for top1, line in found if top1 is not None]
        return max(known, key=lambda pair: pair[0], default=(0.0, None))[1]


def create_run(runs: Path, recipe: Recipe) -> RunFolder:
    """Makes a new run folder with the resolved recipe.

    Raises:
        RunError: the folder cannot be written; then none is left.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = runs / f"{_first_part(recipe)}-{stamp}-{secrets.token_hex(3)}"
    with _whole_or_removed(path):
        make_folder(path)
        write_atomically(path / "recipe.yaml", recipe.to_yaml().encode())
    return open_run(path)


def _first_part(recipe: Recipe) -> str:
    """Of the name of a run folder."""
    return recipe.name.replace("/", "-")


def write_environment(run: RunFolder, tool_versions: dict[str, str]) -> None:
    """Writes env.json of a new run: what was installed, on what, started how.

    Raises:
        RunError: it cannot be written; then the new run folder is removed.
    """
    with _whole_or_removed(run.path):
        _write_environment(run, tool_versions)


def complete_environment(run: RunFolder, tool_versions: dict[str, str]) -> None:
    """Writes env.json if the training was killed before it could; then of this process.

    Raises:
        RunError: it cannot be written.
    """
    if (run.path / "env.json").exists():
        return
    try:
        _write_environment(run, tool_versions)
    except OSError as error:
        raise RunError(
            f"The environment cannot be written: {error}.",
            received=run.path / "env.json",
            next_step=f"Make room, then 'edgehybrid train --resume {run.path}'.",
        ) from error


def _write_environment(run: RunFolder, tool_versions: dict[str, str]) -> None:
    facts = {
        "edgehybrid": __version__,
        **tool_versions,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "command": sys.argv,
        "recipe_sha256": run.recipe_sha256,
    }
    write_atomically(run.path / "env.json", json.dumps(facts, indent=2).encode())


@contextmanager
def _whole_or_removed(path: Path) -> Iterator[None]:
    """For making a run folder: removes it where the disk refuses, so that none is left half-made."""
    try:
        yield
    except OSError as error:
        # What was there before is not ours to remove.
        if not isinstance(error, FileExistsError):
            shutil.rmtree(path, ignore_errors=True)
        raise RunError(
            f"The run folder cannot be made: {error}.",
            received=path,
            next_step="Make room, or name another folder with --runs.",
        ) from error


def open_run(path: Path) -> RunFolder:
    """Opens an existing run folder.

    Raises:
        RunError: not a run folder, or a damaged one.
    """
    recipe_file = path / "recipe.yaml"
    if not recipe_file.is_file():
        raise RunError(
            "This is not a run folder: it has no recipe.yaml.",
            received=path,
            next_step="Name a folder that 'edgehybrid train' made.",
        )
    try:
        sha256 = hashlib.sha256(recipe_file.read_bytes()).hexdigest()
        if sha256 not in _recipes:
            _recipes[sha256] = load_recipe(recipe_file)
    except (OSError, RecipeError) as error:
        raise RunError(f"The run folder holds a damaged recipe: {error}", received=path) from error
    return RunFolder(path, _recipes[sha256], sha256)


def run_of_row(runs: Path, name: str) -> RunFolder:
    """The run that a row names: below ``runs``, else in the zoo.

    Raises:
        RunError: there is none, or it is damaged.
    """
    path, of_zoo = runs / name, zoo_folder() / name
    return open_run(of_zoo if of_zoo.is_dir() and not path.is_dir() else path)


def find_run(runs: Path, name_or_path: str | None) -> RunFolder:
    """The run of that path, or of that name below ``runs`` or in the zoo; for None the newest that has a run's name.

    Raises:
        RunError: there is none.
    """
    if name_or_path is not None and is_of_zoo(name_or_path):
        return open_run(zoo_entry(name_or_path)[0])
    if name_or_path is not None:
        path = Path(name_or_path)
        return open_run(path if path.is_dir() else runs / name_or_path)
    folders = [p.parent for p in runs.glob("*/recipe.yaml")] if runs.is_dir() else []
    named = [match for path in folders if (match := _NAME.fullmatch(path.name))]
    for match in sorted(named, key=lambda match: (match[2], match[0]), reverse=True):
        run = open_run(runs / match[0])
        if _first_part(run.recipe) == match[1]:
            return run
    others = f"; its folders {', '.join(sorted(p.name for p in folders))} were renamed" if folders else ""
    raise RunError(
        "There is no run to default to.",
        received=f"{runs}/ holds no run folder{others}",
        next_step="Train one with 'edgehybrid train RECIPE', name one, or name the folder of runs with --runs.",
    )
