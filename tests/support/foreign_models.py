"""Small models as a user has them: of Larq and Keras 2, of Keras 3, and what of theirs must be refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 8
SHAPE = (SIDE, SIDE, 3)
CLASSES = 5
SEED = 4

Layers = Callable[[Any], Any]


def images(count: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(SEED).standard_normal((count, *SHAPE)).astype(np.float32)


def binary(filters: int = 32, **settings: Any) -> Any:
    """A convolution of signs by signs."""
    from edgehybrid.model.compat import larq

    return larq.layers.QuantConv2D(
        filters,
        3,
        **{"padding": "same", "pad_values": 1.0, "use_bias": False} | settings,
        input_quantizer="ste_sign",
        kernel_quantizer="ste_sign",
        kernel_constraint="weight_clip",
    )


def larq_layers(x: Any) -> Any:
    """A float convolution; two binary ones, of which one has a stride; a binary dense layer behind a flat map."""
    from edgehybrid.model.compat import keras, larq

    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(32, 3, padding="same")(x))
    x = keras.layers.BatchNormalization()(binary()(x))
    x = keras.layers.BatchNormalization()(binary(strides=2)(x))
    x = larq.layers.QuantDense(32, input_quantizer="ste_sign", kernel_quantizer="ste_sign")(keras.layers.Flatten()(x))
    return keras.layers.Dense(CLASSES)(keras.layers.BatchNormalization()(x))


def float_layers(x: Any) -> Any:
    """Nothing binary."""
    from edgehybrid.model.compat import keras

    x = keras.layers.Conv2D(8, 3, activation="relu")(x)
    return keras.layers.Dense(CLASSES)(keras.layers.GlobalAveragePooling2D()(x))


def model_of(layers: Layers, shape: tuple[int | None, ...] = SHAPE) -> Any:
    """Of Keras 2, with random weights and averages."""
    from edgehybrid.model.compat import keras

    keras.utils.set_random_seed(SEED)
    image = keras.Input(shape)
    return _with_random_averages(keras.Model(image, layers(image), name="net"))


def keras_3_model() -> Any:
    """Signs by where(x >= 0, 1, -1), and borders of +1; the weights are signs already."""
    import keras

    keras.utils.set_random_seed(SEED)
    image = keras.Input(SHAPE)
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(32, 3, padding="same")(image))
    for _ in range(2):
        signs = keras.ops.where(x >= 0, 1.0, -1.0)
        padded = keras.ops.pad(signs, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1.0)
        layer = keras.layers.Conv2D(32, 3, use_bias=False)
        x = keras.layers.BatchNormalization()(layer(padded))
        layer.kernel.assign(np.where(layer.kernel.numpy() >= 0, 1.0, -1.0))
    x = keras.layers.Dense(CLASSES)(keras.layers.GlobalAveragePooling2D()(x))
    return _with_random_averages(keras.Model(image, x, name="net"))


def saved(folder: Path, form: str, layers: Layers = larq_layers) -> Path:
    """A model in one of ``FORMS``."""
    if form.startswith("keras_3"):
        model = keras_3_model()
        path = folder / ("net.keras" if form == "keras_3" else "net")
        model.save(path) if form == "keras_3" else model.export(path, verbose=False)
        return path
    path = folder / {"h5": "net.h5", "keras_2": "net.keras", "saved_model": "net"}[form]
    model_of(layers).save(path, **({"save_format": "tf"} if form == "saved_model" else {}))
    return path


FORMS = ("h5", "keras_2", "saved_model", "keras_3", "keras_3_saved_model")


def _with_random_averages(model: Any) -> Any:
    random = np.random.default_rng(SEED)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.beta.assign(random.normal(0, 0.2, layer.beta.shape))
            layer.moving_mean.assign(random.normal(0, 1, layer.beta.shape))
            layer.moving_variance.assign(random.uniform(4, 9, layer.beta.shape))
    return model
