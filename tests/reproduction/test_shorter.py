"""Schedules in another number of epochs: the same share of the training at each rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.recipe import load_recipe
from edgehybrid.recipe.training import InverseTime, Step, Training, WeightDecaySchedule
from edgehybrid.reproduction.shorter import with_epochs
from edgehybrid.training.schedules import learning_rate, weight_decay

PUBLISHED = load_recipe("hybrid_res_a").training


def test_as_many_epochs_are_the_same_training() -> None:
    assert with_epochs(PUBLISHED, PUBLISHED.epochs) == PUBLISHED


def test_the_published_schedule_in_30_epochs_steps_after_12_18_and_24() -> None:
    # 80, 121 and 159 of 199 epochs, times 30 / 199: 12.06, 18.2 and 24.0.
    schedule = with_epochs(PUBLISHED, 30).schedule
    assert isinstance(schedule, Step)
    assert schedule.epochs == (13, 19, 25)


def test_one_epoch_has_no_step() -> None:
    schedule = with_epochs(PUBLISHED, 1).schedule
    assert isinstance(schedule, Step)
    assert schedule.epochs == ()


@given(epochs=st.integers(1, 400))
def test_steps_rise_and_none_comes_first(epochs: int) -> None:
    schedule = with_epochs(PUBLISHED, epochs).schedule
    assert isinstance(schedule, Step)
    assert list(schedule.epochs) == sorted(set(schedule.epochs))
    assert all(2 <= epoch <= epochs for epoch in schedule.epochs)


@given(times=st.integers(1, 5), share=st.floats(0, 1, exclude_max=True))
def test_a_multiple_of_the_epochs_has_the_same_rate_at_the_same_share(times: int, share: float) -> None:
    longer = with_epochs(PUBLISHED, times * PUBLISHED.epochs)
    epoch = int(share * PUBLISHED.epochs)
    # The first step of an epoch, of ten.
    assert learning_rate(longer, 10 * times * epoch, 10) == learning_rate(PUBLISHED, 10 * epoch, 10)


def test_a_decay_per_step_ends_where_it_did() -> None:
    whole = Training(epochs=100, schedule=InverseTime(kind="inverse_time", decay=1e-2, epochs=(51,)))
    half = with_epochs(whole, 50)
    for epoch in (0, 20, 49, 50, 80, 99):
        assert learning_rate(half, 10 * epoch // 2, 10) == pytest.approx(learning_rate(whole, 10 * epoch, 10))


def test_warm_up_and_weight_decay_move_along() -> None:
    whole = Training(
        epochs=90, warm_up_epochs=9.0, weight_decay_schedule=WeightDecaySchedule(epochs=(31,), factor=10.0)
    )
    third = with_epochs(whole, 30)
    assert third.warm_up_epochs == 3.0
    for epoch in (0, 29, 30, 89):
        assert weight_decay(third, 10 * epoch // 3, 10) == weight_decay(whole, 10 * epoch, 10)
