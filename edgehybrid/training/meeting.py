"""All workers meet before TensorFlow starts, so that one that fails or never comes does not leave the others waiting.

Worker 0 listens at its own address, where TensorFlow will listen afterwards. Each other worker connects, says in one
line of JSON whether it failed, and gets what all have said in one line. TensorFlow itself would wait for an hour.
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.training.cluster import Cluster

# Machines are started by hand, and the first import of TensorFlow takes a while on a cold disk.
LIMIT_SECONDS = 300.0
LIMIT_VARIABLE = "EDGEHYBRID_JOIN_SECONDS"
_MOST_SECONDS = 86_400.0
_RETRY_SECONDS = 0.2
_SPEAK_SECONDS = 5.0
# An error message is far shorter; whoever sends more is no worker.
_MAX_LINE_BYTES = 65536

# What a worker says: the parts of its error, or None.
Words = dict[str, str | None] | None


@contextmanager
def joined(cluster: Cluster | None) -> Iterator[None]:
    """Runs what each worker does alone, then meets the others. A failure in the block is told to them.

    Args:
        cluster: None for a process that trains alone.

    Raises:
        EdgehybridError: another worker failed, or not all came in time; on every worker that came.
    """
    if cluster is None:
        yield
        return
    began, seconds = time.monotonic(), LIMIT_SECONDS
    try:
        seconds = _limit_seconds()
        yield
    except EdgehybridError as error:
        # This worker's own error is what its user reads, whoever else fails.
        try:
            meet(cluster, error.as_dict(), began, seconds)
        except EdgehybridError:
            raise error from None
        raise
    meet(cluster, None, began, seconds)


def meet(cluster: Cluster, words: Words, began: float, seconds: float) -> None:
    """Exchanges with all workers whether one failed.

    Args:
        words: this worker's error.
        began: when the waiting began, ``time.monotonic()``.
        seconds: how long the others are waited for, from then on.

    Raises:
        UsageError: this worker's port is in use.
        EdgehybridError: a worker failed or is missing.
    """
    deadline = began + seconds
    try:
        own_port = cluster.addresses[cluster.worker][1]
        server = socket.create_server(("", own_port))
    except OSError as error:
        refusal = UsageError(
            f"The port of this worker cannot be used: {os.strerror(error.errno or 0)}.",
            received=cluster.name_of(cluster.worker),
            next_step="End what uses it, or change the port in the TF_CONFIG of every worker.",
        )
        # Worker 0 listens at that port, and can tell nobody.
        if cluster.worker != 0:
            with suppress(EdgehybridError):
                _report(cluster, words or refusal.as_dict(), deadline, seconds)
        raise refusal from error
    with server:
        said = _collect(cluster, server, words, deadline) if cluster.worker == 0 else None
    if said is None:
        said = _report(cluster, words, deadline, seconds)
    missing = [cluster.name_of(i) for i in range(cluster.workers) if str(i) not in said]
    if missing:
        raise EdgehybridError(
            f"Not all workers came within {seconds:g} seconds.",
            received=f"missing: {', '.join(missing)}",
            next_step=f"Look at these machines and their TF_CONFIG; then start all workers again. {LIMIT_VARIABLE} "
            "changes the time.",
        )
    for worker, its_words in said.items():
        if its_words is not None and int(worker) != cluster.worker:
            raise EdgehybridError(
                f"{cluster.name_of(int(worker)).capitalize()} failed before training began: {its_words['what']}",
                received=its_words["received"],
                allowed=its_words["allowed"],
                next_step="Mend it there, then start all workers again.",
            )


def _limit_seconds() -> float:
    text = os.environ.get(LIMIT_VARIABLE) or str(LIMIT_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MOST_SECONDS:
        allowed = f"> 0, at most {_MOST_SECONDS:,.0f}, a day"
        raise UsageError(f"{LIMIT_VARIABLE} is no number of seconds.", received=text, allowed=allowed)
    return seconds


def _collect(cluster: Cluster, server: socket.socket, words: Words, deadline: float) -> dict[str, Words]:
    """Worker 0: hears all others, then answers them. Who is missing in the answer did not come in time."""
    said: dict[str, Words] = {"0": words}
    waiting: list[socket.socket] = []
    while len(said) < cluster.workers and (left := deadline - time.monotonic()) > 0:
        server.settimeout(left)
        try:
            connection, _ = server.accept()
        except TimeoutError:
            break
        # A worker speaks at once; who keeps silent must not keep the others waiting.
        connection.settimeout(min(left, _SPEAK_SECONDS))
        try:
            worker, its_words = _read_words(connection)
        except (OSError, ValueError, KeyError, TypeError):
            # Somebody else knocked, or a worker ended while it spoke.
            connection.close()
            continue
        waiting.append(connection)
        if 0 < worker < cluster.workers:
            said[str(worker)] = its_words
    for connection in waiting:
        with connection:
            try:
                connection.sendall(json.dumps(said).encode() + b"\n")
            except OSError:
                # It ended meanwhile; TensorFlow will tell the others.
                continue
    return said


def _read_words(connection: socket.socket) -> tuple[int, Words]:
    message = json.loads(_read_line(connection))
    worker, words = int(message["worker"]), message["error"]
    return worker, words and {key: words[key] for key in ("what", "received", "allowed")}


def _report(cluster: Cluster, words: Words, deadline: float, seconds: float) -> dict[str, Any]:
    """Another worker: tells worker 0, and waits for its answer."""
    problem = "no answer"
    while (left := deadline - time.monotonic()) > 0:
        try:
            with socket.create_connection(cluster.addresses[0], timeout=left) as connection:
                # Worker 0 waits for the others, too, and then answers late.
                connection.settimeout(left + 1)
                connection.sendall(json.dumps({"worker": cluster.worker, "error": words}).encode() + b"\n")
                answer = json.loads(_read_line(connection))
                if isinstance(answer, dict):
                    return answer
        except (OSError, ValueError) as error:
            problem = str(error)
        time.sleep(_RETRY_SECONDS)
    raise EdgehybridError(
        f"Worker 0 could not be met within {seconds:g} seconds.",
        received=f"{cluster.name_of(0)}: {problem}",
        next_step=f"Look at that machine and at TF_CONFIG; then start all workers again. {LIMIT_VARIABLE} changes the "
        "time.",
    )


def _read_line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = connection.recv(4096)
        if not part or len(line) > _MAX_LINE_BYTES:
            raise ValueError("the connection ended")
        line += part
    return line
