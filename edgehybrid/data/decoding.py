"""From encoded images to pixels, as TensorFlow decodes them, turned as the camera was held."""

from typing import Any

from edgehybrid.model.compat import tf


def decoded(content: Any, orientation: Any, channels: int) -> Any:
    """Pixels of an encoded image.

    Colours of a CMYK image and of a palette become red, green and blue; transparency is left out; of 16 bits the upper
    8 are taken; of a moving image, the first picture.

    Args:
        content: the bytes of the file, a scalar string.
        orientation: 1 … 8 as in EXIF, a scalar of a whole number.

    Returns:
        uint8 (height, width, channels).
    """
    image = tf.io.decode_image(tf.ensure_shape(content, []), channels, expand_animations=False)
    return _turned(tf.ensure_shape(image, [None, None, channels]), tf.cast(orientation, tf.int32))


def _turned(image: Any, orientation: Any) -> Any:
    """The image with its first row at the top and its first column at the left, for an orientation of EXIF."""
    shape = [None, None, image.shape[2]]

    def is_one_of(*values: int) -> Any:
        return tf.reduce_any(tf.equal(orientation, tf.constant(values)))

    # 5 … 8 have rows for columns; then 3, 4, 7 and 8 are upside down, and 2, 3, 6 and 7 are mirrored.
    image = tf.cond(is_one_of(5, 6, 7, 8), lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    image = tf.cond(is_one_of(3, 4, 7, 8), lambda: tf.reverse(image, [0]), lambda: image)
    image = tf.cond(is_one_of(2, 3, 6, 7), lambda: tf.reverse(image, [1]), lambda: image)
    return tf.ensure_shape(image, shape)
