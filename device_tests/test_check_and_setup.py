"""A fresh board is examined, gets the runner, and loses it again."""

from target import Target


def test_a_board_says_what_it_is(board: Target) -> None:
    found = board.printed("devices", "check", board.address)
    assert found["missing"] == []
    assert found["machine"] in ("aarch64", "x86_64")
    assert found["userland_bits"] == 64
    assert found["cores"] >= 1
    assert found["page_bytes"] in (4096, 16384, 65536)
    if board.emulated is not None:
        assert (found["cpu"], found["emulator"]) == ("Cortex-A72", "qemu-user")
        assert board.emulated.start_seconds < 15


def test_a_second_setup_sends_nothing(ready: Target) -> None:
    if ready.address == "local":
        assert "needs no setup" in ready.call("devices", "setup", "local", status=2).stderr
        return
    assert ready.printed("devices", "setup", ready.address)["changed"] is False
