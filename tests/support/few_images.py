"""96 digits to train on, and a model of three layers: 3 steps make an epoch."""

from typing import Any

from edgehybrid.data.arrays import Split, load_split
from edgehybrid.data.source import Source
from edgehybrid.model.compat import keras
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.model.quantizers import quantizer
from edgehybrid.networks import Network
from edgehybrid.recipe import Data, Recipe, load_recipe
from edgehybrid.runs.epoch_line import EpochLine

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


def small_model(network: Network, synchronized: bool = False) -> Any:
    """Stands for ``build_model``: its step is compiled in a second."""
    image = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="float")(image)
    x = keras.layers.BatchNormalization()(x)
    x = ScaledQuantConv2D(
        4,
        3,
        padding="same",
        pad_values=1.0,
        input_quantizer=quantizer(1),
        kernel_quantizer=quantizer(1),
        use_bias=False,
        name="binary",
    )(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    return keras.Model(image, keras.layers.Dense(10)(x))


def no_step(epoch: int, step: int, steps: int, images_per_second: float) -> None:
    """Says nothing after a step."""


def no_epoch(line: EpochLine) -> None:
    """Says nothing after an epoch."""
