"""Pixels of every kind of image: those that Pillow reads, turned as the camera was held."""

import numpy as np
import pytest
from image_kinds import HEIGHT, PICTURE, SOUND, WIDTH, Sound, turned

from edgehybrid.data.decoding import decoded
from edgehybrid.data.image_format import orientation_in
from edgehybrid.model.compat import tf


def assert_pixels(sound: Sound) -> None:
    got = decoded(tf.constant(sound.content), orientation_in(sound.content), 3).numpy()
    assert (got.dtype, got.shape) == (np.uint8, sound.pixels.shape)
    assert abs(got.astype(int) - sound.pixels).max() <= sound.tolerance


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_image_has_the_pixels_that_pillow_reads(kind: str) -> None:
    assert_pixels(SOUND[kind]())


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_stands_as_the_camera_was_held(form: str, orientation: int) -> None:
    sound = turned(form, orientation)
    assert sound.pixels.shape == ((WIDTH, HEIGHT, 3) if orientation >= 5 else (HEIGHT, WIDTH, 3))
    assert_pixels(sound)


def test_a_picture_taken_upright_is_turned_to_the_right() -> None:
    # By hand: orientation 6 has the top of the scene at the right, so it is turned by a quarter clockwise.
    png = turned("PNG", 6).content
    np.testing.assert_array_equal(decoded(tf.constant(png), 6, 3).numpy(), np.rot90(PICTURE, -1))


def test_the_shape_is_known_as_far_as_it_can_be_in_a_graph() -> None:
    traced = tf.function(lambda content, turn: decoded(content, turn, 3)).get_concrete_function(
        tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.uint8)
    )
    assert traced.output_shapes.as_list() == [None, None, 3]
