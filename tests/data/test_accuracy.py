"""Shares of images that are put into their own class."""

import numpy as np

from edgehybrid.data.accuracy import accuracies


def test_counts_the_largest_and_the_five_largest_logits() -> None:
    logits = np.array([[6, 5, 4, 3, 2, 1]] * 4, np.float32)
    # Label 0 is first, 1 and 4 are among five, 5 is not.
    found = accuracies(logits, np.array([0, 1, 4, 5]))
    assert found == (100 * 1 / 4, 100 * 3 / 4)


def test_of_fewer_than_five_classes_every_label_is_among_five() -> None:
    found = accuracies(np.array([[1, 2, 3], [3, 2, 1]], np.float32), np.array([0, 0]))
    assert found == (50.0, 100.0)


def test_of_equal_logits_the_first_class_wins() -> None:
    assert accuracies(np.zeros((2, 10), np.float32), np.array([0, 9])) == (50.0, 50.0)
