"""Devices for the time of a block."""

import json
from contextlib import suppress
from typing import Any

import pytest
from fake_boards import ADDRESS, COOL, FakeBoard, facts

from edgehybrid.device import machine
from edgehybrid.device.devices import Device
from edgehybrid.device.installation import refuse_if_absent
from edgehybrid.device.machine import reached
from edgehybrid.device.transport import Finished
from edgehybrid.errors import EdgehybridError, UsageError


class Closed(FakeBoard):
    """A board that counts how often its connection was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def board_that_is(monkeypatch: pytest.MonkeyPatch, device: Device, **changes: Any) -> Closed:
    told = json.dumps({"facts": facts(**changes), "state": COOL}).encode()
    board = Closed(lambda *_: Finished(0, told, ""))
    monkeypatch.setattr(machine, "find_device", lambda _: device)
    monkeypatch.setattr(machine, "open_transport", lambda _: board)
    monkeypatch.setattr(machine, "refuse_if_absent", lambda *_: None)
    return board


def test_a_connection_ends_with_the_block_also_when_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    board = board_that_is(monkeypatch, Device(address=ADDRESS))
    with reached("pi4") as found:
        assert (found.device, found.board.machine, board.closed) == ("pi4", "aarch64", 0)
    assert board.closed == 1
    with suppress(KeyError), reached("pi4"):
        raise KeyError
    assert board.closed == 2


@pytest.mark.parametrize(
    ("is_named_so", "emulator", "emulated"), [(False, None, False), (True, None, True), (False, "qemu-user", True)]
)
def test_an_emulator_is_known_by_its_own_word_or_the_users(
    is_named_so: bool, emulator: str | None, emulated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    board_that_is(monkeypatch, Device(address=ADDRESS, emulated=is_named_so), emulator=emulator)
    with reached("pi4") as found:
        assert found.emulated == emulated


def test_a_board_without_the_runner_is_refused_before_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    board = board_that_is(monkeypatch, Device(address=ADDRESS))
    monkeypatch.setattr(machine, "refuse_if_absent", refuse_if_absent)
    with pytest.raises(EdgehybridError, match="runner"), reached("pi4"):
        pytest.fail("nothing can be measured there")
    assert board.closed == 1


def test_this_machine_needs_no_connection() -> None:
    with reached("local") as found:
        assert (found.board.address, found.emulated) == ("local", False)


def test_what_is_no_device_is_refused() -> None:
    with pytest.raises(UsageError), reached("nobody"):
        pass
