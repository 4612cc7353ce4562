"""Training batches as tf.data: shuffled, augmented, normalised. Every batch is a function of (seed, epoch, step)."""

from typing import Any

import numpy as np

from edgehybrid.data.arrays import Split
from edgehybrid.recipe import Augmentation, Data


def training_batches(
    split: Split,
    data: Data,
    augmentation: Augmentation,
    batch_size: int,
    seed: int,
    epoch: int,
    first_step: int = 0,
) -> Any:
    """The batches of one epoch from ``first_step`` on, each image once; the last batch may be smaller.

    Nothing depends on what ran before: a resumed epoch sees the batches that an uninterrupted one would have seen.

    Returns:
        tf.data.Dataset of (float32 (batch, side, side, channels), int64 (batch,)).
    """
    import tensorflow as tf

    order = np.random.default_rng((seed, epoch)).permutation(len(split.images))
    images, labels = tf.constant(split.images), tf.constant(split.labels)
    mean, std = tf.constant(data.mean, tf.float32), tf.constant(data.std, tf.float32)

    def make(step: Any, indices: Any) -> tuple[Any, Any]:
        chosen = augment(tf.gather(images, indices), augmentation, tf.stack([seed, epoch]), step)
        return (tf.cast(chosen, tf.float32) / 255.0 - mean) / std, tf.gather(labels, indices)

    batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    return batches.enumerate().skip(first_step).map(make, num_parallel_calls=1).prefetch(2)


def augment(images: Any, augmentation: Augmentation, seed: Any, step: Any) -> Any:
    """Crops each image out of itself with a zero border, and mirrors half of them.

    Args:
        images: uint8 (n, side, side, channels).
        seed: two integers; with ``step`` they alone decide the random numbers.

    Returns:
        uint8 (n, side, side, channels).
    """
    import tensorflow as tf

    count, side, border = tf.shape(images)[0], images.shape[1], augmentation.crop_padding_pixels
    # Three independent streams from one seed.
    rows_seed, columns_seed, flip_seed = tf.unstack(
        tf.random.split(tf.random.fold_in(tf.cast(seed, tf.int32), tf.cast(step, tf.int32)), 3)
    )
    if border:
        images = tf.pad(images, [[0, 0], [border, border], [border, border], [0, 0]])
        for axis, stream in ((1, rows_seed), (2, columns_seed)):
            start = tf.random.stateless_uniform([count, 1], stream, 0, 2 * border + 1, tf.int32)
            images = tf.gather(images, start + tf.range(side), axis=axis, batch_dims=1)
    if augmentation.horizontal_flip:
        mirrored = tf.random.stateless_uniform([count, 1, 1, 1], flip_seed) < 0.5
        images = tf.where(mirrored, images[:, :, ::-1], images)
    return images
