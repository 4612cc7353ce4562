"""Where the copies of a model are: one device, all devices of this machine, or several machines."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import shorten

from edgehybrid.data.sharding import Shard
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.model.compat import tf
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.training.cluster import Cluster, cluster_of_environment
from edgehybrid.training.strategy import StrategyName

# What TensorFlow raises in the other workers when one dies, depending on where they wait for it.
_LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError, tf.errors.CancelledError)

# TensorFlow's coordination service tells at length where to look in the logs that we hold back.
_REASON_CHARACTERS = 160

# Long enough for a hash, for the name of a run, and for an error in four parts.
TEXT_BYTES = 4096


class Replicas:
    """The copies of the model, and this process's place among those that train it.

    Attributes:
        strategy: TensorFlow's distribution strategy.
        cluster: the workers of several machines, or None.
        worker, workers: number of this process, and of all; 0 and 1 without several machines.
    """

    def __init__(self, name: StrategyName = "one") -> None:
        self.cluster: Cluster | None = None
        self.worker, self.workers = 0, 1
        if name == "workers":
            self.cluster = cluster_of_environment()
            self.worker, self.workers = self.cluster.worker, self.cluster.workers
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
                f"The workers have different {what}.",
                received=f"{sha256[:12]}… on worker {self.worker}",
                allowed="the same on all workers",
                next_step="Start every worker with the same command and recipe.",
            )

    def from_chief(self, text: str) -> str:
        """The chief's ``text``, on every worker. All wait here for each other."""
        return self._texts_of_all(text)[0]

    def on_chief(self, act: Callable[..., object] | None, *arguments: object) -> None:
        """Calls ``act`` on the chief alone. Every worker must call this: a failure there is raised on all."""
        self.together(act if self.is_chief else None, *arguments)

    def together(self, act: Callable[..., object] | None, *arguments: object) -> None:
        """Calls ``act``. Every worker must call this: a failure of one is raised on all."""
        failure = None
        if act is not None:
            try:
                act(*arguments)
            except EdgehybridError as error:
                failure = error
        parts = {} if failure is None else failure.as_dict()
        texts = self._texts_of_all(json.dumps(parts, ensure_ascii=False))
        if failure is not None:
            raise failure
        for worker, text in enumerate(texts):
            if told := json.loads(text):
                what, received, allowed, next_step = told.values()
                raise EdgehybridError(
                    f"Worker {worker} failed: {what}", received=received, allowed=allowed, next_step=next_step
                )

    def _texts_of_all(self, text: str) -> list[str]:
        if self.workers == 1:
            return [text]
        mine = tf.constant([list(text.encode().ljust(TEXT_BYTES, b"\0"))], tf.int32)
        gather = tf.function(lambda: tf.distribute.get_replica_context().all_gather(mine, axis=0))
        rows = self.strategy.experimental_local_results(self.strategy.run(gather))[0].numpy()
        return [bytes(row.tolist()).rstrip(b"\0").decode() for row in rows]


@contextmanager
def lost_workers_explained(replicas: Replicas, run: RunFolder | None = None) -> Iterator[None]:
    """Turns TensorFlow's errors about another worker that is gone into one of ours.

    Args:
        run: what is trained, once its folder is there: it can be resumed.

    Raises:
        EdgehybridError: who is gone, if its address tells, and how to go on.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if replicas.cluster is None:
            raise
        gone = [replicas.cluster.name_of(worker) for worker in replicas.cluster.unreachable()]
        if not gone and not isinstance(error, _LOST):
            raise
        who = " and ".join(gone) or "another worker"
        again = "the same command" if run is None else f"'edgehybrid train --resume {run.path} --strategy workers'"
        raise EdgehybridError(
            f"{who[0].upper()}{who[1:]} {'are' if len(gone) > 1 else 'is'} gone; training needs all workers.",
            received=f"worker {replicas.worker} of {replicas.workers} stopped; TensorFlow says: "
            f"{_reason(error.message)}",
            next_step=f"Mend what the lost worker reports, then start all workers again with {again}.",
        ) from error


def _reason(message: str) -> str:
    """The line of TensorFlow's message that says what happened, among lines of our stack and its graph's nodes."""
    stack = (" ", "\t", "Graph execution error:", "Detected at node ")
    line = next((line for line in message.splitlines() if line and not line.startswith(stack)), message)
    if aborted := re.search(r"Collective ops is aborted by: *(.+)", message):
        line = aborted[1]
    return shorten(line, _REASON_CHARACTERS, placeholder=" …")
