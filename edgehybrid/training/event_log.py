"""metrics.jsonl and TensorBoard events of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgehybrid.errors import RunError
from edgehybrid.files import write_atomically
from edgehybrid.model.compat import tf
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.run_folder import RunFolder


class EventLog:
    """Context manager that keeps the first ``epochs`` lines of a run; later ones are redone, and so dropped.

    Raises:
        RunError: the disk is full or refuses.
    """

    def __init__(self, run: RunFolder, epochs: int) -> None:
        self._run = run
        self._path = run.path / "metrics.jsonl"
        self._lines = [line.to_json() for line in run.epochs()[:epochs]]
        with self._refusal_explained():
            self._events = tf.summary.create_file_writer(str(run.path / "tensorboard"))

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(self, *_: object) -> None:
        self._events.close()

    def append(self, line: EpochLine) -> None:
        """Writes one epoch's metrics. The file is replaced as a whole, so it never ends in half a line.

        Raises:
            RunError: the disk is full or refuses.
        """
        self._lines.append(line.to_json())
        with self._refusal_explained():
            write_atomically(self._path, "".join(f"{text}\n" for text in self._lines).encode())
            with self._events.as_default(step=line.epoch):
                for name, value in _numbers("", line.model_dump(exclude_defaults=True)):
                    tf.summary.scalar(name, value)
            for measured in line.curvature:
                # Several in an epoch: their steps are those of the training.
                with self._events.as_default(step=measured.step):
                    for name, value in _numbers("curvature/", measured.model_dump(exclude={"step"}, exclude_none=True)):
                        tf.summary.scalar(name, value)
            self._events.flush()

    @contextmanager
    def _refusal_explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            raise RunError(
                f"The metrics cannot be written: {error}.",
                received=self._path,
                next_step=f"Make room, then 'edgehybrid train --resume {self._run.path}'.",
            ) from error


def _numbers(prefix: str, line: dict[str, Any]) -> list[tuple[str, float]]:
    """The numbers of a line under names such as ``health/conv2/alpha``; texts are left to metrics.jsonl."""
    found: list[tuple[str, float]] = []
    for name, value in line.items():
        if isinstance(value, dict):
            found += _numbers(f"{prefix}{name}/", value)
        elif isinstance(value, int | float):
            found.append((f"{prefix}{name}", value))
    return found
