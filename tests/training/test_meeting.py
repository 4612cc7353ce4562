"""Workers that meet, fail and stay away; each is a thread with a port of its own on loopback."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import free_ports

from edgehybrid.errors import EdgehybridError, RecipeError
from edgehybrid.training.cluster import Cluster
from edgehybrid.training.meeting import LIMIT_VARIABLE, joined

PATIENCE_SECONDS = 3.0


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, str(PATIENCE_SECONDS))


def addresses(count: int) -> tuple[tuple[str, int], ...]:
    return tuple(("127.0.0.1", port) for port in free_ports(count))


def nothing() -> None:
    pass


def outcome(cluster: Cluster, act: Callable[[], None]) -> str:
    """What a worker's user reads; nothing where all goes well."""
    try:
        with joined(cluster):
            act()
    except EdgehybridError as error:
        return str(error)
    return ""


def meeting(acts: list[Callable[[], None] | None], at: tuple[tuple[str, int], ...] | None = None) -> list[str]:
    """The outcome for each worker that comes; None stays away."""
    at = at or addresses(len(acts))
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(outcome, Cluster(i, at), act) for i, act in enumerate(acts) if act]
        return [future.result(timeout=10 * PATIENCE_SECONDS) for future in futures]


def fails() -> None:
    raise RecipeError("There is no such recipe.", received="digitz", next_step="Did you mean 'digits'?")


def test_who_trains_alone_meets_nobody() -> None:
    with joined(None):
        pass


def test_workers_that_all_come_go_on() -> None:
    assert meeting([nothing] * 4) == [""] * 4


def test_workers_may_come_one_after_the_other() -> None:
    def late() -> None:
        time.sleep(1.0)

    assert meeting([late, nothing, late]) == [""] * 3
    assert meeting([nothing, late, nothing]) == [""] * 3


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_who_fails_says_its_own_error_and_the_others_name_the_worker(failing: int) -> None:
    acts: list[Callable[[], None] | None] = [nothing] * 3
    acts[failing] = fails
    for worker, text in enumerate(meeting(acts)):
        if worker == failing:
            assert text.startswith("There is no such recipe.")
            assert "Did you mean" in text
        else:
            assert text.startswith(f"Worker {failing} (127.0.0.1:")
            assert "failed before training began: There is no such recipe." in text
            assert "digitz" in text


def test_who_stays_away_is_named_with_the_time_limit() -> None:
    began = time.monotonic()
    at = addresses(3)
    for text in meeting([nothing, nothing, None], at):
        assert text.startswith("Not all workers came within 3 seconds.")
        assert f"missing: worker 2 (127.0.0.1:{at[2][1]})" in text
        assert LIMIT_VARIABLE in text
    assert time.monotonic() - began < 3 * PATIENCE_SECONDS


def test_a_chief_that_stays_away_is_named_with_the_time_limit() -> None:
    (text,) = meeting([None, nothing])
    assert text.startswith("Worker 0 could not be met within 3 seconds.")
    assert "Connection refused" in text


def test_a_name_that_nobody_knows_is_not_waited_for_without_end() -> None:
    ((_, port),) = addresses(1)
    text = outcome(Cluster(1, (("no-such-host.invalid", 1), ("127.0.0.1", port))), nothing)
    assert text.startswith("Worker 0 could not be met within 3 seconds.")
    assert "no-such-host.invalid:1" in text


@pytest.mark.parametrize("worker", [0, 1])
def test_refuses_a_port_in_use(worker: int) -> None:
    at = addresses(2)
    with socket.create_server(("", at[worker][1])):
        text = outcome(Cluster(worker, at), nothing)
    assert text.startswith("The port of this worker cannot be used: Address already in use.")
    assert f"worker {worker} (127.0.0.1:" in text


@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n", b"{}\n", b'{"worker": 7, "error": null}\n', b"[]\n", b""])
def test_others_who_knock_are_ignored(words: bytes) -> None:
    at = addresses(2)

    def knock_first() -> None:
        for _ in range(50):
            try:
                with socket.create_connection(at[0], timeout=1) as connection:
                    connection.sendall(words)
                    return
            except OSError:
                time.sleep(0.05)

    with ThreadPoolExecutor() as pool:
        chief = pool.submit(outcome, Cluster(0, at), nothing)
        knock_first()
        other = pool.submit(outcome, Cluster(1, at), nothing)
        assert (chief.result(timeout=30), other.result(timeout=30)) == ("", "")


def test_a_port_in_use_ends_all_workers() -> None:
    at = addresses(3)
    began = time.monotonic()
    with socket.create_server(("", at[1][1])):
        first, second, third = meeting([nothing] * 3, at)
    assert second.startswith("The port of this worker cannot be used")
    for told in (first, third):
        assert "Worker 1" in told
        assert "The port of this worker cannot be used" in told
    assert time.monotonic() - began < PATIENCE_SECONDS


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan", "1e300"])
def test_refuses_a_time_limit_that_is_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, text)
    assert f"{LIMIT_VARIABLE} is no number of seconds" in outcome(Cluster(0, addresses(1)), nothing)
