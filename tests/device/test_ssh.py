"""Boards over SSH: addresses, what OpenSSH says, and a server on loopback."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from loopback_ssh import Server

from edgehybrid.device.ssh import SSH_VARIABLE, Address, SshTransport, parse_address
from edgehybrid.device.transport import TransportError, put
from edgehybrid.errors import EdgehybridError, UsageError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh://pi@raspberrypi.local", Address("pi", "raspberrypi.local", None)),
        ("ssh://board", Address(None, "board", None)),
        ("ssh://pi@10.0.0.7:2222/", Address("pi", "10.0.0.7", 2222)),
        ("ssh://pi@[fe80::1%eth0]:22", Address("pi", "fe80::1%eth0", 22)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "pi@board",
        "ssh://",
        "ssh://-oProxyCommand=id",
        "ssh://-l@board",
        "ssh://pi@board;id",
        "ssh://pi@board/path",
        "ssh://pi@board:x",
        "ssh://a b",
        "ssh://pi@board\n",
        "http://board",
        "ssh://pi@board:0",
        "ssh://pi@board:65536",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"no address of a board|no such port"):
        parse_address(text)


def test_advice_names_a_port_of_ones_own() -> None:
    with closing(SshTransport("ssh://pi@board:2222")) as board:
        for said, advice in (
            ("Permission denied", "ssh-copy-id -p 2222 pi@board"),
            ("REMOTE HOST IDENTIFICATION HAS CHANGED", "ssh-keygen -R '[board]:2222'"),
            ("Host key verification failed", "ssh -p 2222 pi@board"),
        ):
            with pytest.raises(TransportError) as error:
                board.refuse_loss(255, said)
            assert advice in str(error.value.next_step)


@pytest.mark.parametrize("command", ["ssh 'x", '"'])
def test_a_client_that_cannot_be_read_is_refused(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SSH_VARIABLE, command)
    with closing(SshTransport("ssh://pi@board")) as board, pytest.raises(UsageError, match=SSH_VARIABLE):
        board.run(["true"])


@pytest.mark.parametrize("command", ["/tmp", "no-such-ssh"])
def test_a_client_that_is_none_is_refused(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SSH_VARIABLE, command)
    with closing(SshTransport("ssh://pi@board")) as board, pytest.raises(EdgehybridError, match="is not installed"):
        board.run(["true"])


def fake_client(folder: Path, stderr: str, status: int = 255) -> str:
    """A program in place of ssh that fails in its words."""
    program = folder / "client"
    program.write_text(f"#!/bin/sh\ncat >&2 <<'EOF'\n{stderr}\nEOF\nexit {status}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


# What OpenSSH 9 prints, with LogLevel ERROR.
REASONS = {
    "ssh: Could not resolve hostname board: Name or service not known": "name is not known",
    "ssh: connect to host board port 22: Connection refused": "no SSH server",
    "ssh: connect to host board port 22: Connection timed out": "does not answer",
    "ssh: connect to host board port 22: No route to host": "does not answer",
    "pi@board: Permission denied (publickey,password).": "refuses the key",
    "Host key verification failed.": "not known yet",
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.": "not the one",
    "Timeout, server board not responding.": "was lost",
    "": "was lost",
}


@pytest.mark.parametrize("said", REASONS)
def test_each_way_to_fail_has_a_reason_and_a_next_step(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SSH_VARIABLE, fake_client(tmp_path, said))
    refused = pytest.raises(TransportError, match=REASONS[said])
    with closing(SshTransport("ssh://pi@board")) as board, refused as error:
        board.run(["true"])
    assert error.value.next_step
    assert "ssh://pi@board" in str(error.value.received)


def test_host_keys_are_checked_and_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "client"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv(SSH_VARIABLE, str(program))
    with closing(SshTransport("ssh://pi@board:2222")) as board:
        words = board.run(["echo", "a b; id"]).stdout.decode().splitlines()
    assert "BatchMode=yes" in words
    assert not any("StrictHostKeyChecking" in word or "UserKnownHostsFile" in word for word in words)
    assert words[-5:] == ["2222", "-T", "--", "pi@board", "echo 'a b; id'"]


@pytest.fixture
def board(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshTransport]:
    monkeypatch.setenv(SSH_VARIABLE, server.client)
    transport = SshTransport(server.address)
    yield transport
    transport.close()


def test_words_reach_a_command_over_there_as_they_are(board: SshTransport) -> None:
    words = ["a b", "$HOME", "'", '"', "`id`", "*", "-n", "", "é\n"]
    done = board.run(["printf", "%s\\0", *words])
    assert done.stdout.decode().split("\0")[:-1] == words


def test_files_arrive_as_they_were_sent(board: SshTransport, tmp_path: Path) -> None:
    content = os.urandom(1 << 20)
    put(board, tmp_path / "a folder" / "it's", content)  # type: ignore[arg-type]
    assert (tmp_path / "a folder" / "it's").read_bytes() == content


def test_a_status_of_a_command_is_its_own(board: SshTransport) -> None:
    assert board.run(["sh", "-c", "exit 7"]).status == 7


def test_one_connection_is_shared_and_ends(server: Server, board: SshTransport) -> None:
    before = (server.folder / "log").read_text().count("Accepted publickey")
    for _ in range(3):
        board.run(["true"])
    assert (server.folder / "log").read_text().count("Accepted publickey") == before + 1
    board.close()
    log = (server.folder / "log").read_text
    deadline = time.monotonic() + 10
    while log().count("Disconnected from user") < before + 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert log().count("Disconnected from user") == before + 1


def test_a_runner_goes_with_its_connection(board: SshTransport, tmp_path: Path) -> None:
    """As the runner does: whatever runs over there ends when its stdin does."""
    mark = tmp_path / "ended"
    with board.start(["sh", "-c", 'echo here; cat; touch "$1"', "sh", str(mark)]) as running:
        assert running.stdout.readline() == b"here\n"
    deadline = time.monotonic() + 10
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert mark.exists()


def test_a_changed_host_key_is_never_accepted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    known = server.folder / "known"
    text = known.read_text()
    other = (server.folder / "user.pub").read_text().split()[:2]
    known.write_text(" ".join([text.split()[0], *other]) + "\n")
    monkeypatch.setenv(SSH_VARIABLE, server.client)
    board = SshTransport(server.address)
    try:
        with pytest.raises(TransportError, match="not the one that is known") as error:
            board.run(["true"])
        assert "ssh-keygen -R '[127.0.0.1]:" in str(error.value.next_step)
    finally:
        known.write_text(text)
        board.close()
