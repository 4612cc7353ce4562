"""Stable lines against descent on a quadratic, step by step."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.recipe.training import Adam, Bop, Sgd
from edgehybrid.training.stable_line import stable_line

STEPS = 4000
RATES = st.floats(1e-3, 1.0)
# Momentum near 1 forgets so slowly that growth and decay of a margin of 2 % take more steps than these.
MOMENTA = st.floats(0.0, 0.95)


def distance_after(optimizer: Sgd | Adam, rate: float, eigenvalue: float) -> float:
    """|w| after descent from 1 on ``eigenvalue · w² / 2``, by the optimizers' own rules; Adam's with P = 1."""
    w, memory = 1.0, 0.0
    for _ in range(STEPS):
        gradient = eigenvalue * w
        if isinstance(optimizer, Adam):
            memory = optimizer.beta_1 * memory + (1 - optimizer.beta_1) * gradient
            w -= rate * memory
        else:
            memory = optimizer.momentum * memory - rate * gradient
            w += optimizer.momentum * memory - rate * gradient if optimizer.nesterov else memory
        if abs(w) > 1e6:
            break
    return abs(w)


def check_line(optimizer: Sgd | Adam, rate: float) -> None:
    line = stable_line(optimizer, rate)
    assert line is not None
    assert distance_after(optimizer, rate, 0.98 * line) < 1e-3
    assert distance_after(optimizer, rate, 1.02 * line) > 1e3


@given(rate=RATES, momentum=MOMENTA, nesterov=st.booleans())
def test_descent_ends_below_the_line_and_grows_above_it(rate: float, momentum: float, nesterov: bool) -> None:
    check_line(Sgd(learning_rate=rate, momentum=momentum, nesterov=nesterov), rate)


@given(rate=RATES, beta=MOMENTA)
def test_adam_with_fixed_second_moments_ends_below_its_line(rate: float, beta: float) -> None:
    check_line(Adam(kind="adam", learning_rate=rate, beta_1=beta), rate)


@pytest.mark.parametrize(
    ("optimizer", "times_rate"),
    [
        (Sgd(momentum=0.0, nesterov=False), 2.0),
        (Sgd(momentum=0.0, nesterov=True), 2.0),
        (Sgd(momentum=0.9, nesterov=False), 2 + 2 * 0.9),
        (Sgd(momentum=0.9, nesterov=True), (2 + 2 * 0.9) / (1 + 2 * 0.9)),
        (Adam(kind="adam"), 38.0),
    ],
)
def test_lines_of_the_papers(optimizer: Sgd | Adam, times_rate: float) -> None:
    assert stable_line(optimizer, 0.01) == pytest.approx(times_rate / 0.01, rel=1e-12)


def test_an_adam_that_never_moves_is_always_stable() -> None:
    assert stable_line(Adam(kind="adam", beta_1=1.0), 0.01) == math.inf


def test_bop_has_none() -> None:
    assert stable_line(Bop(kind="bop"), 0.01) is None
