"""Settings of the random tests, where a failure prints how to repeat it and a slow machine is no failure; fixtures."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import few_images
import pytest
from hypothesis import settings
from native_runs import library
from processes import kill_left_overs
from small_steps import small_model
from tiny_runs import random_run, tiny_recipe

from edgehybrid.model import variables
from edgehybrid.model.compat import keras
from edgehybrid.runs.artefact import Artefact, open_artefact
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.training import loop, step

settings.register_profile("edgehybrid", deadline=None, print_blob=True, database=None)
settings.load_profile("edgehybrid")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--sample", type=int, default=None, help="run this many of each file's selected tests, drawn by --sample-seed"
    )
    parser.addoption("--sample-seed", type=int, default=0)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """After the markers have selected: keeps a random sample of each file."""
    count, seed = config.getoption("--sample"), config.getoption("--sample-seed")
    if count is None:
        return
    by_file: dict[Path, list[pytest.Item]] = {}
    for item in items:
        by_file.setdefault(item.path, []).append(item)
    dice = random.Random(seed)
    kept = [item for of_file in by_file.values() for item in dice.sample(of_file, min(count, len(of_file)))]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]
    print(f"\n--sample {count} --sample-seed {seed}")


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> Iterator[None]:
    yield
    kill_left_overs()


@pytest.fixture
def small_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trainers train ``small_steps.small_model``, whatever the recipe's network is."""
    monkeypatch.setattr(step, "build_model", small_model)
    yield
    keras.backend.clear_session()


@pytest.fixture
def small_training(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The loop trains ``few_images.small_model`` on few images, whatever the recipe says."""
    monkeypatch.setattr(loop, "open_source", few_images.few_images)
    for module in (loop, step, variables):
        monkeypatch.setattr(module, "build_model", few_images.small_model)
    yield
    keras.backend.clear_session()


@pytest.fixture(scope="session")
def converted_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run folder with random weights and its two flatbuffers for x86_64. Made once: copy it before you change it."""
    from converters.pipeline import convert

    library()
    run = random_run(tmp_path_factory.mktemp("runs"), tiny_recipe())
    convert(run, "x86_64", "packed", images=100)
    convert(run, "x86_64", "float32", images=100)
    return run


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measurements of a machine exclude one another by a lock in its user's cache; tests may run side by side."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of boards are a user's; those of a test are its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))


@pytest.fixture
def run(converted_run: RunFolder, tmp_path: Path) -> Path:
    """A copy of ``converted_run`` among the runs of ``tmp_path``, which may be changed."""
    copy = tmp_path / "runs" / converted_run.name
    shutil.copytree(converted_run.path, copy)
    return copy


@pytest.fixture
def artefact(converted_run: RunFolder, tmp_path: Path) -> Artefact:
    """The float32 flatbuffer of a copy of ``converted_run``, which may be changed."""
    copy = tmp_path / converted_run.name
    shutil.copytree(converted_run.path, copy)
    return open_artefact(copy / "model.float32.x86_64.tflite")
