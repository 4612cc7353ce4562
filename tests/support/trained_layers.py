"""A small model after one step, whose variables a checkpoint holds."""

from typing import Any

from edgehybrid.model.compat import keras, tf
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.model.variables import values_of
from edgehybrid.runs.checkpoint import Progress, Record, save_checkpoint
from edgehybrid.runs.run_folder import RunFolder


def tiny(seed: int, filters: int = 2) -> tuple[Any, Any]:
    """A quantised layer, a batch normalisation and a dense layer, after one Adam step: no variable is at its start."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.layers.Input((4, 4, 2)),
            ScaledQuantConv2D(filters, 3, kernel_quantizer="ste_sign", use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(tf.random.normal((5, 4, 4, 2)), training=True) ** 2)
    optimizer.apply_gradients(
        zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
    )
    return model, optimizer


def values(*holders: Any) -> list[Any]:
    return [getattr(v, "latent_variable", v).numpy() for holder in holders for v in holder.variables]


def save(run: RunFolder, trained: tuple[Any, Any], epoch: int) -> Record:
    return save_checkpoint(run, values_of(*trained), Progress(epoch=epoch))
