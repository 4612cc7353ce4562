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
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgehybrid import __version__
from edgehybrid.errors import RecipeError, RunError
from edgehybrid.recipe import Recipe, load_recipe


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

    def epochs(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, one for each finished epoch."""
        path = self.path / "metrics.jsonl"
        if not path.exists():
            return []
        try:
            return [json.loads(line) for line in path.read_text().splitlines() if line]
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise RunError(f"{path}: a line is not JSON: {error}.") from error

    def selected_epoch(self) -> dict[str, Any] | None:
        """The epoch with the best accuracy on the validation images, the first of equals; None without such images."""
        lines = [line for line in self.epochs() if "top1_validation_percent" in line]
        return max(lines, key=lambda line: line["top1_validation_percent"], default=None)


def create_run(runs: Path, recipe: Recipe) -> RunFolder:
    """Makes a new run folder with the resolved recipe.

    Raises:
        RunError: the folder cannot be written; then none is left.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = runs / f"{recipe.name.replace('/', '-')}-{stamp}-{secrets.token_hex(3)}"
    with _whole_or_removed(path):
        make_folder(path)
        write_atomically(path / "recipe.yaml", recipe.to_yaml().encode())
    return open_run(path)


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
            f"The environment cannot be written: {error}.", received=run.path / "env.json",
            next_step=f"Make room, then 'edgehybrid train --resume {run.path}'.",
        ) from error  # fmt: skip


def _write_environment(run: RunFolder, tool_versions: dict[str, str]) -> None:
    facts = {
        "edgehybrid": __version__, **tool_versions, "python": platform.python_version(),
        "platform": platform.platform(), "cores": os.cpu_count(), "command": sys.argv,
        "recipe_sha256": run.recipe_sha256,
    }  # fmt: skip
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
            f"The run folder cannot be made: {error}.", received=path,
            next_step="Make room, or name another folder with --runs.",
        ) from error  # fmt: skip


def open_run(path: Path) -> RunFolder:
    """Opens an existing run folder.

    Raises:
        RunError: not a run folder, or a damaged one.
    """
    recipe_file = path / "recipe.yaml"
    if not recipe_file.is_file():
        raise RunError(
            "This is not a run folder: it has no recipe.yaml.", received=path,
            next_step="Name a folder that 'edgehybrid train' made.",
        )  # fmt: skip
    try:
        return RunFolder(path, load_recipe(recipe_file), hashlib.sha256(recipe_file.read_bytes()).hexdigest())
    except RecipeError as error:
        raise RunError(f"The run folder holds a damaged recipe: {error}", received=path) from error


def find_run(runs: Path, name_or_path: str | None) -> RunFolder:
    """The run of that path, or of that name below ``runs``; the newest one for None.

    Raises:
        RunError: there is none.
    """
    if name_or_path is not None:
        path = Path(name_or_path)
        return open_run(path if path.is_dir() else runs / name_or_path)
    found = [p.parent for p in runs.glob("*/recipe.yaml")] if runs.is_dir() else []
    if not found:
        raise RunError(
            "There is no run to default to.", received=f"{runs}/ holds no run folder",
            next_step="Train one with 'edgehybrid train RECIPE', or name the folder of runs with --runs.",
        )  # fmt: skip
    # A name ends with the time of its creation in UTC and a random part.
    return open_run(max(found, key=lambda p: p.name.rsplit("-", 2)[1:]))


def make_folder(path: Path, exist_ok: bool = False) -> None:
    """Makes a folder, and those above it that are missing. They are still there after a power loss."""
    if not path.parent.is_dir():
        make_folder(path.parent, exist_ok=True)
    path.mkdir(exist_ok=exist_ok)
    _sync_folder(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader finds the old content or the new one, never a part; also after a power loss."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    """Names of files and folders reach the disk with the folder that holds them."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
