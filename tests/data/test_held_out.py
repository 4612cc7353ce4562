"""Validation images: fixed, balanced, disjoint from those to train on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.data.held_out import hold_out
from edgehybrid.errors import DataError


@given(
    sizes=st.lists(st.integers(5, 30), min_size=2, max_size=8), share=st.floats(0, 1), seed=st.integers(0, 2**32 - 1)
)
def test_every_image_is_on_one_side_and_every_class_gives_the_same(sizes: list[int], share: float, seed: int) -> None:
    classes = len(sizes)
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(classes), sizes))
    # At most 4 of each class, which has 5 or more.
    count = round(share * 4 * classes)
    train, validation = hold_out(labels, count, classes)
    assert sorted([*train, *validation]) == list(range(len(labels)))
    assert len(validation) == count
    of_each = np.bincount(labels[validation], minlength=classes)
    assert of_each.max() - of_each.min() == (1 if count % classes else 0)
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()


def test_without_validation_images_all_are_trained_on() -> None:
    train, validation = hold_out(np.array([0, 0, 0]), 0, 10)
    assert train.tolist() == [0, 1, 2]
    assert validation.tolist() == []


def test_is_the_same_each_time() -> None:
    labels = np.arange(1000) % 10
    np.testing.assert_array_equal(hold_out(labels, 105, 10)[1], hold_out(labels, 105, 10)[1])


def test_is_not_simply_the_first_images() -> None:
    labels = np.zeros(1000, np.int64)
    _, validation = hold_out(labels, 100, 1)
    # Of 100 drawn from 1000, the largest place is below 500 with a probability below 2^-100.
    assert validation.max() > 500


@pytest.mark.parametrize(("count", "received"), [(6, "3 of the 3 images of class 1"), (100, "50 of the 4 images")])
def test_refuses_to_leave_a_class_without_training_images(count: int, received: str) -> None:
    with pytest.raises(DataError, match=r"data.validation_images leaves a class") as caught:
        hold_out(np.array([0, 0, 0, 0, 1, 1, 1]), count, 2)
    assert received in (caught.value.received or "")
