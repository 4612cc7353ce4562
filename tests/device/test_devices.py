"""Names of boards."""

from contextlib import closing
from pathlib import Path

import pytest

from edgehybrid.device import devices
from edgehybrid.device.devices import Device, add_device, find_device, forget_device, open_transport, read_devices
from edgehybrid.device.ssh import SshTransport
from edgehybrid.device.transport import LocalTransport
from edgehybrid.errors import EdgehybridError, UsageError

BOARD = "ssh://pi@raspberrypi.local"


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings" / "devices.json"
    monkeypatch.setenv(devices.DEVICES_VARIABLE, str(path))
    return path


def test_a_name_is_kept_and_found_and_forgotten(file: Path) -> None:
    assert read_devices() == {}
    add_device("pi4", BOARD, False, False)
    add_device("virtual", BOARD, True, False)
    assert find_device("pi4") == Device(address=BOARD)
    assert find_device("virtual").emulated
    forget_device("pi4")
    assert list(read_devices()) == ["virtual"]
    assert [each.name for each in file.parent.iterdir()] == ["devices.json"]


def test_an_address_needs_no_name() -> None:
    assert find_device(BOARD) == Device(address=BOARD)
    with closing(open_transport(find_device(BOARD))) as board:
        assert isinstance(board, SshTransport)
    assert isinstance(open_transport(find_device("local")), LocalTransport)


def test_a_taken_name_is_replaced_only_if_told() -> None:
    add_device("pi4", BOARD, False, False)
    with pytest.raises(EdgehybridError, match="name is taken"):
        add_device("pi4", "ssh://other", False, False)
    assert add_device("pi4", "ssh://other", False, True).address == "ssh://other"


@pytest.mark.parametrize("name", ["local", "", "-x", "a/b", "a b", "x" * 65, "a\n"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no name for a device"):
        add_device(name, BOARD, False, False)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    add_device("kitchen", BOARD, False, False)
    with pytest.raises(UsageError, match="no such device") as error:
        find_device("kichen")
    assert error.value.next_step == "Did you mean 'kitchen'?"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": {"address": 1}}'])
def test_a_damaged_file_is_refused_and_kept(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(EdgehybridError, match="cannot be read"):
        read_devices()
    with pytest.raises(EdgehybridError, match="cannot be read"):
        add_device("pi4", BOARD, False, False)
    assert file.read_text() == content
