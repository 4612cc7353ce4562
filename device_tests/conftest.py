"""The board that the tests run against: ``pytest device_tests --device emulated | local | ssh://…``.

With the installed command alone, as a user has it, and with files of its own: nothing of the user's settings, runs and
results is touched.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulated.board import EmulatedBoard, emulated_board, missing
from target import Target
from tiny_runs import random_run, tiny_recipe

_LOCAL, _EMULATED = "local", "emulated"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of this folder."""
    parser.addoption("--device", default=_LOCAL, help="local, emulated, or ssh://[user@]host[:port]")
    parser.addoption("--must-run", action="store_true", help="fail, not skip, where there is no emulated board")


def pytest_report_header(config: pytest.Config) -> str:
    """Says what the tests run against."""
    return f"board: {config.getoption('--device')}"


@pytest.fixture(scope="session")
def board(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The board of ``--device``."""
    device = str(pytestconfig.getoption("--device"))
    folder = tmp_path_factory.mktemp("work")
    settings = {"XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("settings"))}
    environment = {key: value for key, value in os.environ.items() if key != "EDGEHYBRID_RUNS"} | settings
    if device != _EMULATED:
        yield Target(device, folder, environment, None)
        return
    if lack := missing():
        (pytest.fail if pytestconfig.getoption("--must-run") else pytest.skip)(lack)
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgehybrid-emulated"
    with emulated_board(tmp_path_factory.mktemp("board"), kept) as running:
        yield Target(running.address, folder, environment | {"EDGEHYBRID_SSH": running.client}, running)


@pytest.fixture(scope="session")
def ready(board: Target) -> Target:
    """The board with the runner on it."""
    if board.address != _LOCAL:
        board.call("devices", "setup", board.address)
    return board


@pytest.fixture
def breakable(ready: Target) -> EmulatedBoard:
    """The board, for tests that break it."""
    if ready.emulated is None:
        pytest.skip("breaks the board, and is for --device emulated alone")
    return ready.emulated


@pytest.fixture(scope="session")
def model(board: Target) -> Path:
    """A packed flatbuffer of random weights for the board's architecture, beside its twins."""
    machine = board.printed("devices", "check", board.address)["machine"]
    run = random_run(board.folder / "runs", tiny_recipe())
    board.call("convert", run.path, "--target", machine, "--images", 100)
    for form in ("int8", "float32"):
        board.call("convert", run.path, "--target", machine, "--twin", "--format", form)
    return run.path / f"model.packed.{machine}.tflite"
