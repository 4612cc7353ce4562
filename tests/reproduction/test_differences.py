"""Differences of resolved recipes, in words that ``--set`` takes."""

import pytest

from edgehybrid.recipe import load_recipe
from edgehybrid.reproduction.differences import differences


def plain(*settings: str) -> dict[str, object]:
    return load_recipe("hybrid_res_a", settings).model_dump(mode="json")


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("network.width=0.5",),
        ("network.shortcut_pool=true", "training.precision=bfloat16"),
        ("training.optimizer.learning_rate=0.05", "training.seed=7"),
    ],
    ids=str,
)
def test_what_was_set_differs_and_setting_it_again_gives_the_same(settings: tuple[str, ...]) -> None:
    changed = plain(*settings)
    found = differences(plain(), changed)
    assert found == sorted(settings)
    assert plain(*found) == changed
    assert differences(changed, changed) == []


def test_a_field_that_is_gone_is_no_difference_and_a_new_one_is() -> None:
    assert differences({"a": 1, "b": {"c": 2}}, {"b": {"c": 2}}) == []
    assert differences({"b": {"c": 2}}, {"a": 1, "b": {"c": 2, "d": False}}) == ["a=1", "b.d=false"]


def test_where_the_images_lie_makes_no_difference() -> None:
    assert differences({"data": {"path": None}}, {"data": {"path": "here"}}) == []
