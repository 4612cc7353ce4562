"""96 digits to train on: 3 steps make an epoch."""

from typing import Any

from edgehybrid.data.arrays import Split, load_split
from edgehybrid.data.source import Source
from edgehybrid.recipe import Data, Recipe, load_recipe

TRAIN_IMAGES, TEST_IMAGES, BATCH = 96, 40, 32
STEPS = 3
SMALL = ("network.width=0.25", "data.image_side=8", f"training.batch_size={BATCH}")


def recipe_of(*overrides: str) -> Recipe:
    """ResNet-20 with 4, 8 and 16 filters."""
    return load_recipe("digits", [*SMALL, *overrides])


def few_images(data: Data) -> Source:
    """Stands for ``open_source``."""

    def load(name: Any) -> Split:
        count = TRAIN_IMAGES if name == "train" else TEST_IMAGES
        return Split(*(array[:count] for array in load_split(data, name)))

    return Source(data, load)


def no_step(epoch: int, step: int, steps: int, images_per_second: float) -> None:
    """Says nothing after a step."""


def no_epoch(line: dict[str, Any]) -> None:
    """Says nothing after an epoch."""
