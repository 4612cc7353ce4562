"""Training batches: each image once, a function of seed, epoch and step; crops and mirrors as an oracle lists them."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgehybrid.data.arrays import Split, normalise
from edgehybrid.data.pipeline import augment, training_batches
from edgehybrid.model.compat import tf
from edgehybrid.recipe import Augmentation, Data

# One channel; the label of image i is i, so a batch tells which images it holds.
DATA = Data.model_validate({"dataset": "digits", "image_side": 8})
COUNT, BATCH = 23, 5
SPLIT = Split(np.random.default_rng(3).integers(0, 256, (COUNT, 8, 8, 1), np.uint8), np.arange(COUNT, dtype=np.int64))
PLAIN = Augmentation(crop_padding_pixels=0, horizontal_flip=False)
FULL = Augmentation(crop_padding_pixels=2, horizontal_flip=True)


def batches(
    augmentation: Augmentation = FULL, seed: int = 2, epoch: int = 1, first_step: int = 0
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    found = training_batches(SPLIT, DATA, augmentation, BATCH, seed, epoch, first_step)
    return [(images.numpy(), labels.numpy()) for images, labels in found]


def order(**which: int) -> list[int]:
    return [int(label) for _, labels in batches(PLAIN, **which) for label in labels]


def assert_same(first: list[Any], second: list[Any]) -> None:
    assert len(first) == len(second) > 0
    for (images, labels), (other_images, other_labels) in zip(first, second, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(labels, other_labels)


def test_an_epoch_holds_each_image_once() -> None:
    assert sorted(order()) == list(range(COUNT))


def test_the_last_batch_holds_the_rest() -> None:
    # 23 = 4·5 + 3
    assert [len(labels) for _, labels in batches()] == [5, 5, 5, 5, 3]


def test_image_and_label_stay_together_and_are_normalised() -> None:
    for images, labels in batches(PLAIN):
        assert images.dtype == np.float32
        # The same formula by another library: a few roundings of 2^-24, on numbers up to (1 - 0.305) / 0.33 < 4.
        np.testing.assert_allclose(images, normalise(SPLIT.images[labels], DATA), atol=4 * 4 * 2**-24)


def test_same_seed_epoch_and_step_give_the_same_batch() -> None:
    assert_same(batches(), batches())


@pytest.mark.parametrize("first_step", [1, 3, 4])
def test_a_resumed_epoch_is_the_rest_of_a_whole_one(first_step: int) -> None:
    assert_same(batches(first_step=first_step), batches()[first_step:])


def test_another_epoch_has_another_order() -> None:
    assert order(epoch=1) != order(epoch=2)


def test_another_seed_has_another_order() -> None:
    assert order(seed=2) != order(seed=3)


def small_images(count: int) -> NDArray[np.uint8]:
    # Nonzero and all different within an image, so that every crop of it is another array.
    return np.tile(np.arange(1, 13, dtype=np.uint8).reshape(1, 2, 2, 3), (count, 1, 1, 1))


def crops(image: NDArray[np.uint8], border: int) -> list[bytes]:
    side = len(image)
    padded = np.pad(image, ((border, border), (border, border), (0, 0)))
    starts = range(2 * border + 1)
    return [padded[r : r + side, c : c + side].tobytes() for r in starts for c in starts]


def seen(images: NDArray[np.uint8], augmentation: Augmentation, epoch: int = 1, step: int = 0) -> list[bytes]:
    out = augment(tf.constant(images), augmentation, tf.constant([2, epoch]), step).numpy()
    assert out.dtype == np.uint8
    assert out.shape == images.shape
    return [image.tobytes() for image in out]


def test_a_mirrorless_augmentation_gives_every_crop_and_nothing_else() -> None:
    images = small_images(1000)
    augmentation = Augmentation(crop_padding_pixels=1, horizontal_flip=False)
    # 9 crops: one of them is missing in 1000 draws with a probability below 9·(8/9)^1000 < 1e-50.
    assert set(seen(images, augmentation)) == set(crops(images[0], 1))


def test_an_augmentation_gives_every_crop_and_its_mirror_and_nothing_else() -> None:
    images = small_images(1000)
    augmentation = Augmentation(crop_padding_pixels=1, horizontal_flip=True)
    expected = set(crops(images[0], 1)) | set(crops(images[0][:, ::-1], 1))
    # 9 crops of the image and 9 of its mirror.
    assert len(expected) == 18
    assert set(seen(images, augmentation)) == expected


def test_half_of_the_images_are_mirrored() -> None:
    images = small_images(1000)
    found = seen(images, Augmentation(crop_padding_pixels=0, horizontal_flip=True))
    mirrored = found.count(images[0][:, ::-1].tobytes())
    assert mirrored + found.count(images[0].tobytes()) == 1000
    # Six standard deviations of a binomial: 6·√(1000/4) < 95. The seed is fixed.
    assert abs(mirrored - 500) < 95


def test_no_border_and_no_flip_change_nothing() -> None:
    images = SPLIT.images
    assert seen(images, PLAIN) == [image.tobytes() for image in images]


def test_each_step_and_epoch_draws_anew() -> None:
    images = small_images(100)
    first = seen(images, FULL)
    assert seen(images, FULL) == first
    assert seen(images, FULL, step=1) != first
    assert seen(images, FULL, epoch=2) != first
