"""Trainers of networks of two layers, and what they do to their weights in one step."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.model.activations import LearnedThreshold, RPReLU
from edgehybrid.model.compat import keras, tf
from edgehybrid.model.layers import PointwiseConv2D, ScaledQuantConv2D
from edgehybrid.model.quantizers import quantizer
from edgehybrid.networks import Network
from edgehybrid.recipe import Recipe, load_recipe
from edgehybrid.training.step import StepResult, Trainer, Wish

SIDE, CHANNELS, FILTERS, CLASSES = 5, 2, 4, 10
SEED = 3


def small_model(network: Network, synchronized: bool = False, bits: int = 1) -> Any:
    """A 1-bit convolution without BatchNorm, then a dense layer: the loss of an image depends on that image only."""
    image = keras.Input((SIDE, SIDE, CHANNELS))
    x = ScaledQuantConv2D(
        FILTERS,
        3,
        padding="same",
        pad_values=1.0,
        input_quantizer=quantizer(1),
        kernel_quantizer=quantizer(bits),
        use_bias=False,
        name="binary",
    )(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(CLASSES, name="dense")(x))


def with_batch_norm(network: Network, synchronized: bool = False) -> Any:
    image = keras.Input((SIDE, SIDE, CHANNELS))
    x = keras.layers.Conv2D(FILTERS, 3)(image)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization(name="norm")(x))
    return keras.Model(image, keras.layers.Dense(CLASSES)(x))


def with_all_kinds(network: Network, synchronized: bool = False) -> Any:
    """Every kind of layer that has variables. The names of the kernels' layers begin with "kernel"."""
    image = keras.Input((SIDE, SIDE, CHANNELS))
    x = keras.layers.Conv2D(FILTERS, 3, padding="same", use_bias=False, name="kernel_real")(image)
    x = RPReLU(name="rprelu")(keras.layers.BatchNormalization(name="norm")(x))
    x = PointwiseConv2D(FILTERS, 1, 2, padding="same", use_bias=False, name="kernel_pointwise")(x)
    x = ScaledQuantConv2D(
        FILTERS,
        3,
        padding="same",
        pad_values=1.0,
        input_quantizer=quantizer(1),
        kernel_quantizer=quantizer(1),
        use_bias=False,
        name="kernel_binary",
    )(LearnedThreshold(name="threshold")(x))
    x = RPReLU(name="flat_rprelu")(keras.layers.GlobalAveragePooling2D()(x))
    x = keras.layers.Dense(CLASSES, use_bias=False, name="kernel_dense")(x)
    return keras.Model(image, keras.layers.BatchNormalization(name="last_norm")(x))


PLAIN = (
    "training.optimizer.kind=sgd",
    "training.optimizer.momentum=0",
    "training.optimizer.nesterov=false",
    "training.latent_weights.centre=false",
    "training.latent_weights.clip=false",
    "training.latent_weights.gradient_scale=none",
)
BOP = ("training.optimizer.kind=bop", "training.optimizer.gamma=0.5", "training.optimizer.threshold=1e-3")


def recipe_of(*overrides: str) -> Recipe:
    return load_recipe("digits", ["training.batch_size=12", *overrides])


def batch_of(images: int, seed: int = SEED) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    return (
        random.normal(size=(images, SIDE, SIDE, CHANNELS)).astype(np.float32),
        random.integers(0, CLASSES, images),
    )


def step_on(trainer: Trainer, batch: tuple[Any, Any], rate: float = 0.1, decay: float | None = None) -> StepResult:
    """One step; with the weight decay of the recipe, if none is given."""
    parts = [(tf.constant(batch[0]), tf.constant(batch[1]))]
    result, _ = trainer.step(parts, rate, trainer.training.weight_decay if decay is None else decay, Wish.NOTHING)
    return result


def weights_of(trainer: Trainer) -> list[NDArray[np.float32]]:
    return [v.numpy() for v in trainer.variables]


def gradients_of(trainer: Trainer, batch: tuple[Any, Any]) -> list[NDArray[np.float32]]:
    """Of the mean cross entropy, by Keras' loss and a tape."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        value = loss(batch[1], trainer.model(batch[0], training=True))
    return [g.numpy() for g in tape.gradient(value, trainer.variables)]
