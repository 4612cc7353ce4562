"""A small space in a file, and a training that takes no time: accuracy is a function of the network's cost."""

from collections.abc import Callable
from pathlib import Path

from edgehybrid.recipe import Recipe
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.run_folder import RunFolder, create_run
from edgehybrid.search.candidate import Judge
from edgehybrid.search.columns import CostModel
from edgehybrid.search.space import Space, read_space

SPACE = """\
name: small
description: for tests
data:
  dataset: digits
  image_side: 8
  validation_images: 157
network:
  architecture: resnet20
  width: {choices: [0.25, 0.5, 1.0]}
  placement:
    full_precision:
      choices:
        - [first, last]
        - [first, last, shortcuts]
    bits:
      stage2: {choices: [1, 2]}
training:
  epochs: 4
  batch_size: 64
  optimizer: {kind: adam, learning_rate: 2e-3}
"""


def write_space(folder: Path, text: str = SPACE, search: str = "") -> Path:
    path = folder / "space.yaml"
    path.write_text(text + (f"search:\n  {search}\n" if search else ""))
    return path


def small_space(folder: Path, search: str = "", text: str = SPACE) -> Space:
    return read_space(str(write_space(folder, text, search)))


def judge_of(space: Space) -> Judge:
    return Judge(space, CostModel(space.settings, space.source.parent))


def line(epoch: int, top1_percent: float) -> EpochLine:
    return EpochLine(
        epoch=epoch,
        loss=1.0,
        top1_train_percent=50.0,
        learning_rate=0.1,
        images_per_second=1.0,
        top1_validation_percent=top1_percent,
        seconds=0.0,
    )


def fake_training(accuracy: Callable[[Recipe], float]) -> Callable[..., None]:
    """A trainer whose network has half its accuracy after the first epoch, and comes nearer in each."""

    def train(
        recipe: Recipe,
        runs: Path,
        earlier: str | None,
        on_run: Callable[[RunFolder], None],
        on_epochs: Callable[[list[EpochLine]], None],
    ) -> None:
        on_run(create_run(runs, recipe))
        lines: list[EpochLine] = []
        for epoch in range(1, recipe.training.epochs + 1):
            lines.append(line(epoch, accuracy(recipe) * (1 - 0.5**epoch)))
            on_epochs(lines)

    return train
