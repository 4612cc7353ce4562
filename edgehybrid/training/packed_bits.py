"""Eight yes-or-no answers to a byte, and back: what the low-memory pass keeps of a map."""

from typing import Any

from edgehybrid.model.compat import tf

# Bit i of a byte is element 8·byte + i.
_BITS = tuple(1 << i for i in range(8))


def pack(answers: Any) -> Any:
    """The elements of a bool tensor of any shape, row by row, as bits: uint8 (ceil(n / 8),).

    Bit i of byte b is element 8·b + i; bits past the last element are 0. Meant to be compiled by XLA together with the
    comparison that makes ``answers``, so that neither of the two is ever a map in memory.
    """
    flat = tf.reshape(answers, [-1])
    if (left := -flat.shape[0] % 8) > 0:
        flat = tf.pad(flat, [[0, left]])
    octets = tf.reshape(flat, [-1, 8])
    return tf.reduce_sum(tf.where(octets, tf.constant(_BITS, tf.uint8), tf.zeros([], tf.uint8)), axis=1)


def unpack(bits: Any, shape: tuple[int, ...]) -> Any:
    """The bool tensor of ``shape`` that ``pack`` made ``bits`` of."""
    answers = tf.reshape(tf.bitwise.bitwise_and(bits[:, None], tf.constant(_BITS, tf.uint8)) > 0, [-1])
    elements = 1
    for side in shape:
        elements *= side
    return tf.reshape(answers[:elements], shape)
