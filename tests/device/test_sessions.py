"""Agreement before anything is timed, and the process that measures."""

import hashlib
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from fake_boards import FakeBoard
from tiny_runs import random_run, tiny_recipe

from edgehybrid.device import sessions
from edgehybrid.device.bench import benchmark, benchmark_together
from edgehybrid.device.installation import Installation
from edgehybrid.device.machine import reached
from edgehybrid.device.session import Measured, Request, Session
from edgehybrid.device.transport import Finished
from edgehybrid.errors import EdgehybridError
from edgehybrid.runs.artefact import Artefact, open_artefact


def test_models_of_other_images_are_refused(artefact: Artefact, tmp_path: Path) -> None:
    from converters.pipeline import convert

    run = random_run(tmp_path, tiny_recipe("data.image_side=16"))
    other = open_artefact(run.path / convert(run, "x86_64", "float32", images=5).model)
    with reached("local") as machine, pytest.raises(EdgehybridError, match="different shapes"):
        benchmark_together(machine, [artefact, other], 1, 1, 1)


def test_another_result_than_here_is_refused_before_anything_is_timed(
    artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def measured(_: object, __: object, request: Request) -> Session:
        asked.append(request.agree)
        (model,) = request.models
        logits = np.ones((len(np.load(request.images)), 10), np.float32)
        return Session({model.name: Measured((1.0,), logits=logits)}, peak_memory_bytes=1)

    monkeypatch.setattr(sessions, "measure", measured)
    with pytest.raises(EdgehybridError, match="does not compute what this machine computes"):
        benchmark(artefact, "local", 1, 3, 1)
    assert asked == [True]


def test_a_session_runs_this_package_whatever_the_working_folder_holds(
    artefact: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "edgehybrid").mkdir()
    (tmp_path / "edgehybrid" / "__init__.py").write_text("raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    assert benchmark(artefact, "local", 1, 1, 3).runs == 3


def test_a_file_is_sent_once() -> None:
    board = FakeBoard(lambda command, _: Finished(1 if command[0] == "test" else 0, b"", ""))
    there = Installation(PurePosixPath("/home/pi/.cache/edgehybrid"))
    path = sessions._sent(board, there, b"content")
    assert path == f"{there.folder}/models/{hashlib.sha256(b'content').hexdigest()}"
    assert [words[0] for words in board.commands] == ["test", "sh"]
    board.answer = lambda *_: Finished(0, b"", "")
    sessions._sent(board, there, b"content")
    assert [words[0] for words in board.commands[2:]] == ["test"]
