import numpy as np

from converters.substitute import digits_instead
from edgehybrid.data.arrays import load_split
from edgehybrid.recipe import Data

COUNT = 1797


def test_at_their_own_size_they_are_the_scans() -> None:
    scans = load_split(Data.model_validate({"dataset": "digits", "image_side": 8}), "test").images
    assert np.array_equal(digits_instead(len(scans), 8, 8, 1), scans)


def test_sizes_and_channels_are_what_is_asked_for() -> None:
    images = digits_instead(3, 20, 12, 3)
    assert (images.shape, images.dtype) == ((3, 20, 12, 3), np.uint8)
    # The first channel is half as bright as the last, whole numbers but for rounding.
    assert np.abs(images[..., 0] * 2.0 - images[..., 2]).max() <= 1


def test_larger_images_have_the_same_mean() -> None:
    # Every scanned pixel weighs the same in all that lie between, but for the outermost ones; 1 of 255 by rounding.
    small, large = digits_instead(50, 8, 8, 1), digits_instead(50, 32, 32, 1)
    assert abs(small.mean() - large.mean()) <= 0.02 * 255


def test_a_scan_comes_again_only_when_all_have_come() -> None:
    images = digits_instead(COUNT + 2, 8, 8, 1)
    assert np.array_equal(images[COUNT:], images[:2])
    assert len(np.unique(images[:COUNT].reshape(COUNT, -1), axis=0)) > 0.99 * COUNT
