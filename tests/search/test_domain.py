"""Choices and ranges: what they hold, how they are drawn, and what a file may not say."""

import random

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.errors import RecipeError
from edgehybrid.search.domain import Choices, Domain, Range, domain_of, is_domain


def read(value: dict[str, object]) -> Domain:
    return domain_of(value, "network.width", "space.yaml:3")


DOMAINS = [
    Choices((1, 2, 8)),
    Choices((["first"], ["first", "last"], [])),
    Choices((True, False, None, "topology")),
    Range(1, 9),
    Range(1, 64, log=True),
    Range(2, 9, 3),
    Range(0.25, 2.0),
    Range(1e-4, 1e-2, log=True),
    Range(0.0, 0.5, 0.1),
]


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_what_is_drawn_or_suggested_is_held(domain: Domain) -> None:
    source = random.Random(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    drawn = [domain.draw(source) for _ in range(50)] + [domain.suggest(study.ask(), "p") for _ in range(20)]
    for stored in drawn:
        assert domain.stored(domain.value(stored)) == stored
    # Every end of a small domain comes.
    assert len(set(map(repr, drawn))) > 1


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_its_examples_are_held(domain: Domain) -> None:
    for value in domain.examples():
        if isinstance(domain, Range) and domain.step is not None and value == domain.high:
            # The end of a range of steps need not be one.
            continue
        assert domain.value(domain.stored(value)) == value


@given(st.integers(-50, 50), st.integers(1, 40), st.integers(1, 10), st.integers(0, 2**32))
def test_a_stepped_range_ends_at_or_below_its_high_end(low: int, width: int, step: int, seed: int) -> None:
    domain = Range(low, low + width, min(step, width))
    drawn = [domain.draw(random.Random(seed + i)) for i in range(20)]
    assert all(low <= one <= low + width and (one - low) % domain.step == 0 for one in drawn)


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (Choices((1, 2)), 3),
        (Choices((["a"],)), "a"),
        (Range(1, 4), 5),
        (Range(1, 4), 2.0),
        (Range(1, 4), True),
        (Range(0.0, 1.0, 0.25), 0.3),
        (Range(0.0, 1.0), "x"),
    ],
)
def test_refuses_what_it_does_not_hold(domain: Domain, value: object) -> None:
    with pytest.raises(ValueError, match=r"none of|not in|steps of"):
        domain.stored(value)


def test_tells_a_domain_from_a_section() -> None:
    assert is_domain({"choices": [1, 2]})
    assert is_domain({"range": [1, 2]})
    assert not is_domain({"kind": "adam"})
    assert not is_domain([1, 2])


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ({"choices": [1]}, "two or more"),
        ({"choices": [1, 1]}, "two or more"),
        ({"choices": 3}, "two or more"),
        ({"choices": [1, 2], "log": True}, "unknown key"),
        ({"choices": [1, 2], "range": [1, 2]}, "unknown key"),
        ({"range": [2, 1]}, "the smaller one first"),
        ({"range": [1]}, "the smaller one first"),
        ({"range": ["a", "b"]}, "the smaller one first"),
        ({"range": [0, 4], "log": True}, "numbers above 0"),
        ({"range": [1, 4], "log": True, "step": 1}, "no step"),
        ({"range": [1, 4], "step": 5}, "fits into the range"),
        ({"range": [1, 4], "step": 0.5}, "whole"),
        ({"range": [1.0, 4.0], "steps": 1}, "unknown key"),
    ],
)
def test_refuses_a_file_that_says_something_else(value: dict[str, object], part: str) -> None:
    with pytest.raises(RecipeError, match=r"space.yaml:3") as refusal:
        read(value)
    assert part in str(refusal.value)
