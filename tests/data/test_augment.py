"""Crops and mirrors: as an oracle lists them, within the image, and of the promised area and aspect."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgehybrid.data.augment import Box, draw, evaluation_crop, random_box, resized_box, shifted_and_mirrored
from edgehybrid.model.compat import tf
from edgehybrid.recipe.training import Augmentation, PaddedCrop, RandomResizedCrop

RESIZED = RandomResizedCrop(kind="random_resized")


def small_images(count: int) -> NDArray[np.uint8]:
    # Nonzero and all different within an image, so that every crop of it is another array.
    return np.tile(np.arange(1, 13, dtype=np.uint8).reshape(1, 2, 2, 3), (count, 1, 1, 1))


def crops(image: NDArray[np.uint8], border: int) -> list[bytes]:
    side = image.shape[0]
    padded = np.pad(image, ((border, border), (border, border), (0, 0)))
    places = range(2 * border + 1)
    return [padded[top : top + side, left : left + side].tobytes() for top in places for left in places]


def seen(images: NDArray[np.uint8], augmentation: Augmentation, epoch: int = 1, step: int = 0) -> list[bytes]:
    rows = draw(augmentation, 2, epoch, step, len(images))
    out = shifted_and_mirrored(tf.constant(images), rows, augmentation).numpy()
    assert out.dtype == np.uint8
    assert out.shape == images.shape
    return [image.tobytes() for image in out]


def test_a_mirrorless_augmentation_gives_every_crop_and_nothing_else() -> None:
    images = small_images(1000)
    augmentation = PaddedCrop(crop_padding_pixels=1, horizontal_flip=False)
    # 9 crops: one of them is missing in 1000 draws with a probability below 9·(8/9)^1000 < 1e-50.
    assert set(seen(images, augmentation)) == set(crops(images[0], 1))


def test_an_augmentation_gives_every_crop_and_its_mirror_and_nothing_else() -> None:
    images = small_images(1000)
    augmentation = PaddedCrop(crop_padding_pixels=1, horizontal_flip=True)
    # A mirrored crop of the image is a crop of the mirrored image: 9 of each.
    expected = set(crops(images[0], 1)) | set(crops(images[0][:, ::-1], 1))
    assert len(expected) == 18
    assert set(seen(images, augmentation)) == expected


@pytest.mark.parametrize("augmentation", [PaddedCrop(crop_padding_pixels=0), RESIZED])
def test_half_of_the_images_are_mirrored(augmentation: Augmentation) -> None:
    images = small_images(1000)
    found = seen(images, augmentation)
    mirrored = found.count(images[0][:, ::-1].tobytes())
    assert mirrored + found.count(images[0].tobytes()) == 1000
    # Six standard deviations of a binomial: 6·√(1000/4) < 95. The seed is fixed.
    assert abs(mirrored - 500) < 95


def test_no_border_and_no_flip_change_nothing() -> None:
    images = np.random.default_rng(3).integers(0, 256, (7, 8, 8, 1), np.uint8)
    plain = PaddedCrop(crop_padding_pixels=0, horizontal_flip=False)
    assert seen(images, plain) == [image.tobytes() for image in images]


def test_each_step_and_epoch_draws_anew() -> None:
    images = small_images(100)
    augmentation = PaddedCrop(crop_padding_pixels=2)
    first = seen(images, augmentation)
    assert seen(images, augmentation) == first
    assert seen(images, augmentation, step=1) != first
    assert seen(images, augmentation, epoch=2) != first


@pytest.mark.parametrize("bound", [1, 9, 129, 4000, 65_535])
def test_the_largest_random_number_stays_below_every_bound(bound: int) -> None:
    row = np.full((1, 3), 1 - 2**-23, np.float32)
    box = random_box(np.pad(row[0], (0, 20), mode="edge"), bound, bound, RESIZED)
    assert box.top + box.height <= bound
    assert box.left + box.width <= bound


def boxes(height: int, width: int, augmentation: RandomResizedCrop, count: int = 2000) -> NDArray[np.int64]:
    rows = draw(augmentation, 2, 1, 0, count)
    found = tf.vectorized_map(lambda row: tf.stack(random_box(row, height, width, augmentation)), rows)
    return np.asarray(found, np.int64)


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 333), (64, 64)])
@pytest.mark.parametrize(("least", "aspect"), [(0.08, 4 / 3), (0.5, 1.0), (1.0, 2.0)])
def test_boxes_lie_in_the_image_and_have_the_promised_area_and_aspect(
    height: int, width: int, least: float, aspect: float
) -> None:
    augmentation = RandomResizedCrop(kind="random_resized", least_area=least, largest_aspect=aspect)
    top, left, box_height, box_width = boxes(height, width, augmentation).T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + box_height <= height).all()
    assert (left + box_width <= width).all()
    # A rounded side is at most half a pixel off.
    low_ratio, high_ratio = (box_width - 0.5) / (box_height + 0.5), (box_width + 0.5) / (box_height - 0.5)
    assert (high_ratio >= 1 / aspect).all()
    assert (low_ratio <= aspect).all()
    # The box that stands in where no try fits is the largest of an allowed aspect: smaller than promised where the
    # image is longer than that.
    longest = max(height / width, width / height)
    promised = least * height * width
    possible = min(promised, height * width * min(1, aspect / longest))
    assert ((box_height + 0.5) * (box_width + 0.5) >= possible).all()


def test_the_area_of_boxes_is_uniform() -> None:
    # A square image, and boxes that nearly always fit: areas up to 0.5 with aspects up to 4/3 need a side below
    # √(0.5·4/3) < 1 of the image's. The share of areas below the middle is then half of those up to 0.5.
    _, _, height, width = boxes(1000, 1000, RESIZED, 20_000).T
    share = height * width / 1000**2
    low, middle, high = 0.08, 0.29, 0.5
    below, above = np.sum((share > low) & (share < middle)), np.sum((share > middle) & (share < high))
    # Six standard deviations of a binomial of below + above ≈ 9,000 draws.
    assert abs(int(below) - int(above)) < 6 * math.sqrt(below + above)


def test_every_place_of_a_box_is_reached() -> None:
    augmentation = RandomResizedCrop(kind="random_resized", least_area=0.2, largest_aspect=1.0)
    top, left, height, width = boxes(10, 10, augmentation).T
    of_seven = (height == 7) & (width == 7)
    assert set(top[of_seven]) == set(left[of_seven]) == {0, 1, 2, 3}


@pytest.mark.parametrize(("height", "width", "expected"), [(10, 100, (10, 13)), (100, 10, (13, 10))])
def test_of_a_long_image_the_largest_box_of_an_allowed_aspect_is_taken(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    # Half of 1000 pixels at an aspect up to 4/3 is at least √(500·3/4) > 19 pixels high and wide: no try fits.
    augmentation = RandomResizedCrop(kind="random_resized", least_area=0.5)
    found = boxes(height, width, augmentation, 50)
    # 10·4/3 = 13.3
    assert {tuple(box) for box in found[:, 2:].tolist()} == {expected}


def resampled(image: NDArray[Any], size: int, axis: int) -> NDArray[np.float64]:
    """Bilinear with antialiasing along one axis: a triangle around each output's centre, as wide as the scale."""
    length = image.shape[axis]
    scale = length / size
    reach = max(scale, 1.0)
    out = []
    for index in range(size):
        centre = (index + 0.5) * scale - 0.5
        weights = np.maximum(0, 1 - np.abs(np.arange(length) - centre) / reach)
        out.append(np.tensordot(weights / weights.sum(), image, (0, axis)))
    return np.moveaxis(np.array(out), 0, axis)


# Weights that TensorFlow computes in float32, for sums of pixels up to 255: 1e-3 is some 60 roundings of 255.
PIXELS = 1e-3


@pytest.mark.parametrize(("height", "width"), [(50, 70), (70, 50), (61, 61), (20, 33)])
def test_evaluation_crop_is_the_centre_of_the_resized_image(height: int, width: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)
    # The shorter side becomes 28·256/224 = 32, the longer one follows.
    side, shorter = 28, 32
    new_height, new_width = height * shorter // min(height, width), width * shorter // min(height, width)
    whole = resampled(resampled(image.astype(np.float64), new_height, 0), new_width, 1)
    top, left = (new_height - side) // 2, (new_width - side) // 2
    got = evaluation_crop(tf.constant(image), side).numpy()
    np.testing.assert_allclose(got, whole[top : top + side, left : left + side], atol=PIXELS)


def test_a_box_is_resized_alone() -> None:
    image = np.random.default_rng(1).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    got = resized_box(tf.constant(image), Box(3, 5, 30, 12), 16).numpy()
    expected = resampled(resampled(image[3:33, 5:17].astype(np.float64), 16, 0), 16, 1)
    np.testing.assert_allclose(got, expected, atol=PIXELS)
