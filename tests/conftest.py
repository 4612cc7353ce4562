"""Settings of the random tests, where a failure prints how to repeat it and a slow machine is no failure; fixtures."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from processes import kill_left_overs
from tiny_runs import random_run, tiny_recipe

from edgehybrid.training.artefact import Artefact, open_artefact
from edgehybrid.training.run_folder import RunFolder

settings.register_profile("edgehybrid", deadline=None, print_blob=True, database=None)
settings.load_profile("edgehybrid")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--sample", type=int, default=None, help="run this many of the selected tests, drawn by --sample-seed"
    )
    parser.addoption("--sample-seed", type=int, default=0)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """After the markers have selected: keeps a random sample."""
    count, seed = config.getoption("--sample"), config.getoption("--sample-seed")
    if count is not None and count < len(items):
        kept = set(random.Random(seed).sample(range(len(items)), count))
        config.hook.pytest_deselected(items=[item for i, item in enumerate(items) if i not in kept])
        items[:] = [item for i, item in enumerate(items) if i in kept]
        print(f"\n--sample {count} --sample-seed {seed}")


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> Iterator[None]:
    yield
    kill_left_overs()


@pytest.fixture(scope="session")
def converted_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run folder with random weights and its two flatbuffers for x86_64. Made once: copy it before you change it."""
    from converters.pipeline import convert

    run = random_run(tmp_path_factory.mktemp("runs"), tiny_recipe())
    convert(run, "x86_64", "packed", images=100)
    convert(run, "x86_64", "float32", images=100)
    return run


@pytest.fixture
def artefact(converted_run: RunFolder, tmp_path: Path) -> Artefact:
    """The float32 flatbuffer of a copy of ``converted_run``, which may be changed."""
    copy = tmp_path / converted_run.name
    shutil.copytree(converted_run.path, copy)
    return open_artefact(copy / "model.float32.x86_64.tflite")
