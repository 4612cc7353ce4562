"""What a board is, and what it lacks."""

import json
from collections.abc import Sequence

import pytest
from fake_boards import COOL, FakeBoard, facts, pi_board

from edgehybrid.device.board import examine
from edgehybrid.device.transport import Finished, LocalTransport
from edgehybrid.errors import EdgehybridError


def told(**changes: object) -> bytes:
    return json.dumps({"facts": facts(**changes), "state": COOL}).encode()


def answering(stdout: bytes, status: int = 0, stderr: str = "") -> FakeBoard:
    return FakeBoard(lambda *_: Finished(status, stdout, stderr))


def test_this_machine_needs_no_script() -> None:
    board = examine(LocalTransport())
    assert board.address == "local"
    assert board.folder.name == "edgehybrid"


def test_a_board_is_asked_by_the_script_alone() -> None:
    board = answering(told())
    found = examine(board)
    assert (found.machine, found.python, found.glibc, found.missing()) == ("aarch64", "3.11", (2, 36), [])
    assert str(found.folder) == "/home/pi/.cache/edgehybrid"
    assert board.commands == [["python3", "-"]]


def test_what_a_login_script_prints_does_not_matter() -> None:
    assert examine(answering(b"Welcome!\n" + told() + b"\n")).machine == "aarch64"


@pytest.mark.parametrize(
    "answer", [b"", b"hello", b"[1]", b'{"facts": 1, "state": {}}', b"\xff\xfe", told(cores="four"), told(cpu=None)]
)
def test_another_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(EdgehybridError, match="answer cannot be read"):
        examine(answering(answer))


def test_a_board_without_python_is_refused_in_its_own_words() -> None:
    with pytest.raises(EdgehybridError, match="cannot run Python 3") as error:
        examine(answering(b"", 127, "sh: 1: python3: not found"))
    assert "python3: not found" in str(error.value.received)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"machine": "armv7l", "userland_bits": 32}, "64-bit"),
        ({"userland_bits": 32}, "32 bits"),
        ({"machine": "riscv64"}, "riscv64"),
        ({"python": "3.7.3"}, "Python 3.10"),
        ({"glibc": "2.24"}, "glibc 2.27"),
        ({"glibc": None}, "glibc 2.27"),
        ({"free_disk_bytes": 1 << 20}, "1 MiB are free"),
    ],
)
def test_what_is_missing_is_named_and_refused(changes: dict[str, object], word: str) -> None:
    board = pi_board(**changes)
    texts: Sequence[str] = [what for what, _ in board.missing()]
    assert any(word in text for text in texts), texts
    with pytest.raises(EdgehybridError, match="The board lacks"):
        board.refuse_if_unfit()
