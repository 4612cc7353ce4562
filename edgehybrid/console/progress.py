"""Training progress on stderr: a bar with speed and time left on a terminal, a line an epoch elsewhere."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edgehybrid.data.source import Source
from edgehybrid.runs.epoch_line import EpochLine


def percent(accuracy: float | None) -> str:
    """An accuracy for a person; a dash where it was not measured."""
    return "–" if accuracy is None else f"{accuracy:.2f} %"


class TrainingProgress:
    """Context manager whose ``on_start``, ``on_step`` and ``on_epoch`` the training loop calls."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]:.0f} images/s"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, speed=0.0)
        self._epoch: int | None = None
        self._given_hints: set[str] = set()

    def __enter__(self) -> "TrainingProgress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """One line above the bar, as long as it is."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def on_start(self, source: Source) -> None:
        """Prints how many images there are, and which files among them are not read."""
        counts = {
            "training": source.training_images,
            "validation": source.validation_images,
            "test": source.test_images,
        }
        self.say("images: " + ", ".join(f"{count:,} {part}" for part, count in counts.items()))
        for note in source.notes:
            self.say(f"  note: {note}")

    def on_step(self, epoch: int, step: int, steps: int, images_per_second: float) -> None:
        """Moves the bar; a new epoch begins a new one."""
        if epoch != self._epoch:
            # A resumed epoch begins at a later step.
            self._epoch = epoch
            self._bar.reset(self._task, total=steps, description=f"epoch {epoch}", speed=images_per_second)
        self._bar.update(self._task, completed=step, speed=images_per_second)

    def on_epoch(self, line: EpochLine) -> None:
        """Prints the epoch's result, and those of its hints that no epoch before it had."""
        self.say(
            f"epoch {line.epoch}: loss {line.loss:.4f}, top-1 {percent(line.top1_percent)} "
            f"(training {line.top1_train_percent:.2f} %), {line.images_per_second:.0f} images/s"
        )
        for hint in line.hints:
            if hint not in self._given_hints:
                self.say(f"  hint: {hint}")
        self._given_hints.update(line.hints)
