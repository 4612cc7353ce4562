"""A board and a model for tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_ssh import Server, loopback_server, needs_sshd
from tiny_flatbuffers import float_flatbuffer


@pytest.fixture(autouse=True)
def _cache(own_cache: None) -> None:
    """Nothing of these tests stays on the machine."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """This machine, over SSH."""
    needs_sshd()
    with loopback_server(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A flatbuffer that LiteRT runs."""
    path = tmp_path / "model.tflite"
    path.write_bytes(float_flatbuffer())
    return path
