"""Random crops and mirrors of training images, and the fixed crop of evaluation.

What happens to an image is decided by one row of random numbers, and that row by (seed, epoch, step, place in the
global batch): neither resuming nor the number of workers changes it.
"""

import math
from typing import Any, NamedTuple

from edgehybrid.model.compat import tf
from edgehybrid.recipe.training import Augmentation, PaddedCrop, RandomResizedCrop

# How often a crop is drawn anew that does not fit into the image, as in torchvision.
TRIES = 10
# Columns of a row of random numbers; then TRIES of area and TRIES of aspect.
TOP, LEFT, MIRROR, FIRST_TRY = 0, 1, 2, 3
# The shorter side of the image that the evaluation crop is cut from, over the side of the crop (Simonyan and
# Zisserman 2015 and many since: 256 and 224 pixels).
EVALUATION_SCALE = 256 / 224


class Box(NamedTuple):
    """A part of an image, in pixels: int32 scalars."""

    top: Any
    left: Any
    height: Any
    width: Any


def draw(augmentation: Augmentation, seed: int, epoch: int, step: Any, batch_size: int) -> Any:
    """A row of random numbers for every place of a global batch.

    Returns:
        float32 (batch_size, columns), uniform in [0, 1 - 2^-23].
    """
    columns = FIRST_TRY + (2 * TRIES if isinstance(augmentation, RandomResizedCrop) else 0)
    key = tf.random.fold_in(tf.constant([seed, epoch], tf.int32), tf.cast(step, tf.int32))
    # The generator is named, so that a processor of another kind draws the same numbers.
    return tf.random.stateless_uniform([batch_size, columns], key, alg="philox")


def shifted_and_mirrored(images: Any, rows: Any, augmentation: Augmentation) -> Any:
    """Crops each image out of itself with a zero border (``padded`` only), and mirrors half of them.

    Args:
        images: (n, side, side, channels), any dtype.
        rows: of ``draw``, (n, columns).

    Returns:
        the shape and dtype of ``images``.
    """
    side = images.shape[1]
    border = augmentation.crop_padding_pixels if isinstance(augmentation, PaddedCrop) else 0
    if border:
        images = tf.pad(images, [[0, 0], [border, border], [border, border], [0, 0]])
        images = tf.gather(images, _below(rows[:, TOP, None], 2 * border + 1) + tf.range(side), axis=1, batch_dims=1)
    if border or augmentation.horizontal_flip:
        columns = _below(rows[:, LEFT, None], 2 * border + 1) + tf.range(side)
        if augmentation.horizontal_flip:
            # A mirror costs nothing where the columns are gathered anyway.
            columns = tf.where(rows[:, MIRROR, None] < 0.5, columns[:, ::-1], columns)
        images = tf.gather(images, columns, axis=2, batch_dims=1)
    return images


def random_box(row: Any, height: Any, width: Any, augmentation: RandomResizedCrop) -> Box:
    """A random part of an image of ``height`` × ``width`` pixels.

    The area is uniform in [least_area, 1] of the image's, the logarithm of width / height uniform between those of
    1 / largest_aspect and largest_aspect; sides are rounded to pixels. The first of ``TRIES`` that fits into the image
    is taken; if none fits, the largest box of an allowed aspect. Then every place is equally likely.
    Source: Szegedy et al. 2015, section 6; tries and logarithm as in torchvision.

    Args:
        row: one row of ``draw``, (columns,).
    """
    full_height, full_width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    areas, aspects = row[FIRST_TRY : FIRST_TRY + TRIES], row[FIRST_TRY + TRIES :]
    area = full_height * full_width * (augmentation.least_area + (1 - augmentation.least_area) * areas)
    aspect = tf.exp(math.log(augmentation.largest_aspect) * (2 * aspects - 1))
    # After the tries the box that always fits.
    heights = tf.concat(
        [tf.sqrt(area / aspect), [tf.minimum(full_height, full_width * augmentation.largest_aspect)]], axis=0
    )
    widths = tf.concat(
        [tf.sqrt(area * aspect), [tf.minimum(full_width, full_height * augmentation.largest_aspect)]], axis=0
    )
    heights, widths = tf.maximum(tf.round(heights), 1), tf.maximum(tf.round(widths), 1)
    first = tf.argmax((heights <= full_height) & (widths <= full_width))
    box_height, box_width = tf.cast(heights[first], tf.int32), tf.cast(widths[first], tf.int32)
    return Box(
        _below(row[TOP], height - box_height + 1), _below(row[LEFT], width - box_width + 1), box_height, box_width
    )


def resized_box(image: Any, box: Box, side: int) -> Any:
    """The part of an image in a box, scaled to side × side, float32 (side, side, channels)."""
    part = image[box.top : box.top + box.height, box.left : box.left + box.width]
    return _resized(part, [side, side])


def evaluation_crop(image: Any, side: int) -> Any:
    """The centre of an image whose shorter side is scaled to 256/224 of ``side``, float32 (side, side, channels)."""
    shorter = round(side * EVALUATION_SCALE)
    shape = tf.shape(image)
    height, width = shape[0], shape[1]
    least = tf.minimum(height, width)
    # Whole numbers: the longer side is rounded down, as in torchvision.
    scaled = [height * shorter // least, width * shorter // least]
    top, left = (scaled[0] - side) // 2, (scaled[1] - side) // 2
    return _resized(image, scaled)[top : top + side, left : left + side]


def _resized(image: Any, size: Any) -> Any:
    """Bilinear, with antialiasing where it shrinks, as the Pillow images of the published recipes."""
    return tf.image.resize(image, size, "bilinear", antialias=True)


def _below(numbers: Any, bound: Any) -> Any:
    """Whole numbers 0 … bound-1 of numbers in [0, 1 - 2^-23], int32.

    u·bound is at most bound - bound·2^-23, at least one float32 step below ``bound``: it never rounds up to it.
    """
    return tf.cast(numbers * tf.cast(bound, tf.float32), tf.int32)
