"""Who trains together: the machines that the environment variable TF_CONFIG lists, and this process's place there.

No TensorFlow: what is wrong must be said before it is loaded, and before other workers are waited for.
"""

import json
import os
import re
import socket
from typing import Any, NamedTuple

from edgehybrid.errors import UsageError

_ADDRESS = re.compile(r"(?P<host>[^\[\]:/@\s]+|\[[0-9a-fA-F:.]+\]):(?P<port>[0-9]{1,5})")
_MAX_PORT = 65535
# A machine that is up answers at once, also from far away.
_PROBE_SECONDS = 2.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FORM = '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}'


class Cluster(NamedTuple):
    """The workers, by number.

    Attributes:
        worker: number of this process.
        addresses: (host, port) of each worker.
    """

    worker: int
    addresses: tuple[tuple[str, int], ...]

    @property
    def workers(self) -> int:
        """How many they are."""
        return len(self.addresses)

    def name_of(self, worker: int) -> str:
        """A worker in words."""
        host, port = self.addresses[worker]
        return f"worker {worker} ({host}:{port})"

    def unreachable(self) -> list[int]:
        """The other workers at whose address nobody listens, or whose machine keeps silent."""
        return [other for other in range(self.workers) if other != self.worker and not _listens(self.addresses[other])]


def _listens(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=_PROBE_SECONDS).close()
    except OSError:
        return False
    return True


def cluster_of_environment() -> Cluster:
    """What TF_CONFIG says.

    Raises:
        UsageError: it does not say which worker this is, or lists what is no set of addresses.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        index = task["index"]
        is_worker = task["type"] == "worker" and isinstance(index, int) and not isinstance(index, bool)
        valid = is_worker and isinstance(workers, list) and 0 <= index < len(workers)
    # json raises ValueError for a number of thousands of digits, and RecursionError for as many brackets.
    except (ValueError, RecursionError, KeyError, TypeError):
        valid = False
    if not valid:
        raise UsageError(
            "The environment variable TF_CONFIG does not say which worker this is.",
            received=text or "nothing",
            allowed=_FORM,
            next_step="Set it on every machine: the same list of workers, its own index. Worker 0 writes the run.",
        )
    if others := sorted(set(config["cluster"]) - {"worker"}):
        raise UsageError(
            "TF_CONFIG lists machines that are no workers; all of a cluster are, and worker 0 writes the run.",
            received=", ".join(others),
            allowed=_FORM,
        )
    if len(workers) == 1:
        raise UsageError(
            "TF_CONFIG lists one worker, which shares its work with nobody.",
            received=workers[0],
            next_step="List all workers, or leave '--strategy workers' out.",
        )
    # TensorFlow takes null as no such key.
    if (layer := config.get("rpc_layer")) not in (None, "grpc"):
        raise UsageError(
            "TF_CONFIG names an rpc_layer that is not known.",
            received=json.dumps(layer, ensure_ascii=False),
            allowed='"grpc", null, or no such key',
        )
    addresses = tuple(map(_address, workers))
    listeners = [(_host_in_one_form(host), port) for host, port in addresses]
    for address, listener in zip(addresses, listeners, strict=True):
        if listeners.count(listener) > 1:
            raise UsageError(
                "Two workers of TF_CONFIG have the same address.",
                received=f"{address[0]}:{address[1]}",
                allowed="an address of its own for each worker; on one machine, a port of its own",
            )
    return Cluster(index, addresses)


def _host_in_one_form(host: str) -> str:
    """Names of hosts know no case, and each machine has several of its own."""
    return "localhost" if host.lower() in _LOOPBACK else host.lower()


def _address(text: Any) -> tuple[str, int]:
    found = _ADDRESS.fullmatch(text) if isinstance(text, str) else None
    if found is None or not 1 <= int(found["port"]) <= _MAX_PORT:
        raise UsageError(
            "A worker of TF_CONFIG is no address.",
            received=text,
            allowed=f"host:port, without http:// or the like, and a port from 1 to {_MAX_PORT}",
        )
    return found["host"].strip("[]"), int(found["port"])
