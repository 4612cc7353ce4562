"""Commands and files on this machine."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from fake_boards import FakeBoard

from edgehybrid.device.transport import Finished, LocalTransport, TransportError, put
from edgehybrid.errors import EdgehybridError

HERE = LocalTransport()


def test_a_command_reads_and_prints_bytes_and_has_a_status() -> None:
    done = HERE.run(["sh", "-c", "cat; echo no >&2; exit 3"], b"\x00\xff")
    assert done == Finished(3, b"\x00\xff", "no\n")


def test_words_reach_a_command_as_they_are() -> None:
    words = ["a b", "$HOME", "'", '"', "`id`", "*", "-n", "", "é\n"]
    done = HERE.run(["printf", "%s\\0", *words])
    assert done.stdout.decode().split("\0")[:-1] == words


def test_a_command_that_takes_too_long_is_ended() -> None:
    with pytest.raises(TransportError, match="did not answer in time"):
        HERE.run(["sleep", "60"], timeout_seconds=0.1)


def test_a_missing_program_is_named() -> None:
    with pytest.raises(EdgehybridError, match="'no-such-program' is not installed"):
        HERE.run(["no-such-program"])
    with pytest.raises(EdgehybridError, match="'no-such-program' is not installed"), HERE.start(["no-such-program"]):
        pass


def test_a_started_command_is_gone_with_the_block() -> None:
    with HERE.start(["sleep", "60"]) as running:
        number = running.process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


@pytest.mark.parametrize("name", ["a b/c d", "-rf/--help", "it's/$(id)"])
def test_a_file_is_written_whole_whatever_its_name(tmp_path: Path, name: str) -> None:
    content = bytes(range(256)) * 300
    path = PurePosixPath(tmp_path) / name
    put(HERE, path, content)
    assert Path(path).read_bytes() == content
    assert [each.name for each in Path(path).parent.iterdir()] == [path.name]


def test_a_file_that_is_refused_is_an_error_in_the_boards_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EdgehybridError, match="cannot be written on local"):
        put(HERE, PurePosixPath(tmp_path / "file" / "below"), b"")


class Cut(LocalTransport):
    """A connection that is lost behind some bytes; what runs over there sees an end of its input."""

    def run(self, command: Sequence[str], stdin: bytes = b"", timeout_seconds: float = 1.0) -> Finished:
        return super().run(command, stdin[:100], timeout_seconds)


def test_a_file_that_was_cut_off_is_absent(tmp_path: Path) -> None:
    with pytest.raises(EdgehybridError, match="cannot be written"):
        put(Cut(), PurePosixPath(tmp_path) / "folder" / "file", bytes(100_000))
    assert [*(tmp_path / "folder").iterdir()] == []


def test_a_full_disk_is_called_so() -> None:
    board = FakeBoard(lambda *_: Finished(1, b"", "cat: write error: No space left on device\n"))
    with pytest.raises(EdgehybridError, match="the disk is full") as error:
        put(board, PurePosixPath("/home/pi/x"), b"content")
    assert error.value.next_step == "Make room there."
