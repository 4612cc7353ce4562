"""benchmarks/emulated_board.py: what it says when the board does not, and, where one is kept, that it counts."""

import json
import shutil
from pathlib import Path

import emulated_board
import pytest
from emulated_board import Board, BoardError, board_in, run_on
from emulated_instructions import LOOP_TURNS, WORK, check_counts


def board_that(behaviour: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """A script in the emulator's place."""
    script = folder / "qemu"
    script.write_text(f"#!/bin/sh\n{behaviour}\n")
    script.chmod(0o755)
    monkeypatch.setattr(emulated_board, "QEMU", str(script))
    system = folder / "system.cpio"
    system.write_bytes(b"")
    return Board(folder / "vmlinuz", system, {})


def test_the_result_is_the_line_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = board_that("""echo 'booting'; echo 'RESULT {"a": [1]}'; echo 'power down'""", tmp_path, monkeypatch)
    assert run_on(board, "cortex-a72", {"job.json": b"{}"}, tmp_path, 60) == {"a": [1]}
    assert not (tmp_path / "board.cpio").exists()


def test_without_a_result_the_console_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = board_that("echo 'Kernel panic'; exit 1", tmp_path, monkeypatch)
    with pytest.raises(BoardError, match=r"cortex-a76 gave no result(.|\n)*Kernel panic"):
        run_on(board, "cortex-a76", {}, tmp_path, 60)


def test_a_board_that_hangs_is_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = board_that("echo booting; exec sleep 60", tmp_path, monkeypatch)
    with pytest.raises(BoardError, match=r"longer than 0\.5 s(.|\n)*booting"):
        run_on(board, "cortex-a72", {}, tmp_path, 0.5)


def test_a_missing_tool_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BoardError, match=r"qemu-system-aarch64 is not installed.*qemu-system-arm"):
        board_in(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(("cpu", "has_dot_product"), [("cortex-a72", False), ("cortex-a76", True)])
def test_a_loop_of_known_length_comes_out_right(cpu: str, has_dot_product: bool, tmp_path: Path) -> None:
    if not list(WORK.glob("*/versions.json")):
        pytest.skip(f"needs a board in {WORK}, which benchmarks/emulated_instructions.py makes")
    job = {"loop_turns": LOOP_TURNS, "runs": 1, "models": {}}
    found = run_on(board_in(WORK), cpu, {"job.json": json.dumps(job).encode()}, tmp_path, 600)
    check_counts(found)
    assert ("asimddp" in found["features"]) == has_dot_product
