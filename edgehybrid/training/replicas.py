"""Where the copies of a model are: one device, all devices of this machine, or several machines."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from edgehybrid.data.sharding import Shard
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.model.compat import tf

# What TensorFlow raises in the other workers when one dies, depending on where they wait for it.
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError, tf.errors.CancelledError)

# Long enough for a hash and for the name of a run.
TEXT_BYTES = 256
StrategyName = Literal["one", "mirrored", "workers"]


class Replicas:
    """The copies of the model, and this process's place among those that train it.

    Attributes:
        strategy: TensorFlow's distribution strategy.
        worker, workers: number of this process, and of all; 0 and 1 without several machines.
    """

    def __init__(self, name: StrategyName = "one") -> None:
        self.worker, self.workers = 0, 1
        if name == "workers":
            self.worker, self.workers = _place_in_cluster()
            self.strategy = tf.distribute.MultiWorkerMirroredStrategy()
        elif name == "mirrored":
            self.strategy = tf.distribute.MirroredStrategy()
        else:
            self.strategy = tf.distribute.get_strategy()

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.worker == 0

    @property
    def count(self) -> int:
        """Copies of the model in all processes."""
        return int(self.strategy.num_replicas_in_sync)

    @property
    def shards(self) -> list[Shard]:
        """The part of every batch for each copy in this process."""
        here = self.count // self.workers
        return [Shard(self.worker * here + copy, self.count) for copy in range(here)]

    def check_same(self, what: str, sha256: str) -> None:
        """Refuses to train when the workers do not all have the same ``what``. Every worker must call it.

        Raises:
            UsageError: on every worker alike.
        """
        if len(set(self._texts_of_all(sha256))) > 1:
            raise UsageError(
                f"The workers have different {what}.", received=f"{sha256[:12]}… on worker {self.worker}",
                allowed="the same on all workers", next_step="Start every worker with the same command and recipe.",
            )  # fmt: skip

    def from_chief(self, text: str) -> str:
        """The chief's ``text``, on every worker. All wait here for each other."""
        return self._texts_of_all(text)[0]

    def _texts_of_all(self, text: str) -> list[str]:
        if self.workers == 1:
            return [text]
        mine = tf.constant([list(text.encode().ljust(TEXT_BYTES, b"\0"))], tf.int32)
        gather = tf.function(lambda: tf.distribute.get_replica_context().all_gather(mine, axis=0))
        rows = self.strategy.experimental_local_results(self.strategy.run(gather))[0].numpy()
        return [bytes(row.tolist()).rstrip(b"\0").decode() for row in rows]


@contextmanager
def lost_workers_explained(replicas: Replicas) -> Iterator[None]:
    """Turns TensorFlow's errors about another worker that is gone into one of ours."""
    try:
        yield
    except _LOST as error:
        if replicas.workers == 1:
            raise
        raise EdgehybridError(
            "Another worker is gone; training several copies needs all of them.",
            received=f"worker {replicas.worker} of {replicas.workers}: {_reason(error.message)}",
            next_step="Mend what the other worker reports. Then start all workers again: with "
            "'edgehybrid train --resume RUN --strategy workers' if there is a run folder.",
        ) from error


def _reason(message: str) -> str:
    """The line of TensorFlow's message that says what happened, among lines of our stack and its graph's nodes."""
    if aborted := re.search(r"Collective ops is aborted by: *(.+)", message):
        return aborted[1]
    stack = (" ", "\t", "Graph execution error:", "Detected at node ")
    return next((line for line in message.splitlines() if line and not line.startswith(stack)), message)


def _place_in_cluster() -> tuple[int, int]:
    """This process's number and the number of workers, from the environment variable TF_CONFIG."""
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        index = task["index"]
        valid = (
            isinstance(workers, list)
            and all(isinstance(address, str) and re.fullmatch(r".+:[0-9]+", address) for address in workers)
            and task["type"] == "worker"
            and isinstance(index, int)
            and 0 <= index < len(workers)
        )
    except (json.JSONDecodeError, KeyError, TypeError):
        valid = False
    if not valid:
        raise UsageError(
            "The environment variable TF_CONFIG does not say which worker this is.", received=text or "nothing",
            allowed='{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}',
            next_step="Set it on every machine: the same list of workers, its own index. Worker 0 writes the run.",
        )  # fmt: skip
    return index, len(workers)
