"""Which images of an epoch's order belong to which step and which worker. Arithmetic only."""

from typing import NamedTuple

from edgehybrid.errors import UsageError


class Shard(NamedTuple):
    """Who reads: worker ``worker``, from 0, of ``workers``. Each has an equal contiguous part of every global batch."""

    worker: int = 0
    workers: int = 1


WHOLE = Shard()


def left_out(images: int, workers: int) -> int:
    """Images at the end of an epoch's order that are not trained on, because the workers cannot share them equally.

    A global batch is a multiple of the workers, so these are of the last batch only. 0 for one worker.
    """
    return images % workers


def steps_of(images: int, batch_size: int, workers: int = 1) -> int:
    """Batches of an epoch; the last may be smaller."""
    return -(-(images - left_out(images, workers)) // batch_size)


def span(step: int, images: int, batch_size: int, shard: Shard) -> tuple[int, int]:
    """First and last + 1 place, in the epoch's order of ``images``, of a worker's images in a step from 0 on."""
    first = step * batch_size
    share = min(batch_size, images - left_out(images, shard.workers) - first) // shard.workers
    return first + shard.worker * share, first + (shard.worker + 1) * share


def check_shard(batch_size: int, shard: Shard) -> None:
    """Refuses workers that cannot share a global batch equally.

    Raises:
        UsageError: the batch is no multiple of the workers, or there is no such worker.
    """
    if batch_size % shard.workers:
        raise UsageError(
            "The workers cannot share a batch equally.",
            received=f"training.batch_size: {batch_size}, {shard.workers} workers",
            allowed=f"a multiple of {shard.workers}",
            next_step=f"--set training.batch_size={-(-batch_size // shard.workers) * shard.workers}",
        )
    if not 0 <= shard.worker < shard.workers:
        raise UsageError(
            "There is no such worker.", received=f"worker {shard.worker}", allowed=f"0 … {shard.workers - 1}"
        )
