"""The runner on a board: what is sent, when nothing is, and what a failure leaves behind."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest
from fake_boards import FakeBoard, pi_board

from edgehybrid.device import installation
from edgehybrid.device.installation import Installation, refuse_if_absent, remove, remove_folder, set_up
from edgehybrid.device.transport import Finished
from edgehybrid.errors import EdgehybridError

PI = pi_board()
RUNNER = "/home/pi/.cache/edgehybrid/runner"


class Disk(FakeBoard):
    """A board that keeps files, and fails at a command of the test's choice."""

    def __init__(self, failing: str = "") -> None:
        super().__init__(self.obey)
        self.files: dict[str, bytes] = {}
        self.failing = failing

    def obey(self, command: Sequence[str], stdin: bytes) -> Finished:
        words = list(command)
        if self.failing and any(self.failing in word for word in words):
            return Finished(1, b"", "out of luck\n")
        if words[0] == "sh":
            self.files[words[-1]] = stdin
        elif words[0] == "cat":
            content = self.files.get(words[1])
            return Finished(1, b"", "No such file") if content is None else Finished(0, content, "")
        elif words[0] == "sha256sum":
            whole = [name for name in words[2:] if name in self.files]
            lines = [f"{hashlib.sha256(self.files[name]).hexdigest()}  {name}\n" for name in whole]
            return Finished(int(whole != words[2:]), "".join(lines).encode(), "")
        elif words[0] == "rm":
            self.files = {name: content for name, content in self.files.items() if not name.startswith(words[-1])}
        return Finished(0, b"", "")


@pytest.fixture(autouse=True)
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "numpy-2-cp311-cp311-manylinux_2_17_aarch64.whl"
    path.write_bytes(b"wheel")
    monkeypatch.setattr(installation, "wheels_for", lambda *_: [path])
    library = tmp_path / "libedgehybrid_aarch64.so"
    library.write_bytes(b"library")
    monkeypatch.setattr(installation, "library", lambda _: library)
    return path


def test_everything_is_sent_and_the_manifest_last(wheel: Path) -> None:
    board = Disk()
    assert set_up(board, PI)
    names = [name.removeprefix(f"{RUNNER}/") for name in board.files]
    assert names[-1] == "manifest.json"
    sent = {"runner.py", "probe.py", "processor_time.py", "libedgehybrid_aarch64.so", f"wheels/{wheel.name}"}
    assert set(names) == {*sent, "manifest.json"}
    manifest = json.loads(board.files[f"{RUNNER}/manifest.json"])
    assert set(manifest) == {*sent, "edgehybrid"}
    refuse_if_absent(board, PI)


def test_a_second_setup_sends_nothing(wheel: Path) -> None:
    board = Disk()
    set_up(board, PI)
    board.commands.clear()
    assert not set_up(board, PI)
    assert [words[0] for words in board.commands] == ["cat", "sha256sum"]
    wheel.write_bytes(b"another")
    assert set_up(board, PI)


@pytest.mark.parametrize("damage", [b"", b"libraRy", None])
def test_a_damaged_file_is_found_and_sent_again(damage: bytes | None) -> None:
    board, name = Disk(), f"{RUNNER}/libedgehybrid_aarch64.so"
    set_up(board, PI)
    if damage is None:
        del board.files[name]
    else:
        board.files[name] = damage
    with pytest.raises(EdgehybridError, match="runner on the board is damaged") as error:
        refuse_if_absent(board, PI)
    assert "devices setup" in str(error.value.next_step)
    assert set_up(board, PI)
    assert board.files[name] == b"library"
    refuse_if_absent(board, PI)


@pytest.mark.parametrize("failing", ["wheels", "python3", "bin/python"])
def test_a_setup_that_fails_leaves_no_manifest(failing: str) -> None:
    board = Disk(failing)
    with pytest.raises(EdgehybridError) as error:
        set_up(board, PI)
    assert "out of luck" in str(error.value.received)
    assert f"{RUNNER}/manifest.json" not in board.files
    with pytest.raises(EdgehybridError, match="not installed"):
        refuse_if_absent(board, PI)


def test_an_unfit_board_is_sent_nothing() -> None:
    board = Disk()
    with pytest.raises(EdgehybridError, match="The board lacks"):
        set_up(board, pi_board(userland_bits=32))
    assert board.commands == []


def test_another_versions_runner_is_refused() -> None:
    board = Disk()
    board.files[f"{RUNNER}/manifest.json"] = b'{"edgehybrid": "0.0.1"}'
    with pytest.raises(EdgehybridError, match="another version's runner") as error:
        refuse_if_absent(board, PI)
    assert "devices setup" in str(error.value.next_step)


@pytest.mark.parametrize("manifest", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_manifest_is_none(manifest: bytes) -> None:
    board = Disk()
    board.files[f"{RUNNER}/manifest.json"] = manifest
    with pytest.raises(EdgehybridError, match="not installed"):
        refuse_if_absent(board, PI)


def test_removing_takes_what_was_put_there_and_nothing_else() -> None:
    board = Disk()
    set_up(board, PI)
    board.files |= {"/home/pi/.cache/edgehybrid/models/1": b"", "/home/pi/.cache/edgehybrid/wheels/x": b"mine"}
    remove(board, PI)
    assert list(board.files) == ["/home/pi/.cache/edgehybrid/wheels/x"]
    with pytest.raises(EdgehybridError, match="Only folders of edgehybrid"):
        remove_folder(board, PurePosixPath("/home/pi"))


def test_paths_on_a_board() -> None:
    there = Installation(PI.folder)
    assert there.command == [f"{RUNNER}/venv/bin/python", f"{RUNNER}/runner.py"]
    assert there.library("aarch64") == f"{RUNNER}/libedgehybrid_aarch64.so"
    assert str(there.model("abc")).endswith("/models/abc")
