"""The section ``data`` of a recipe: what a data set fills in, and what does not fit it."""

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.networks import network_of
from edgehybrid.recipe import DATASETS, load_recipe


@pytest.mark.parametrize("dataset", DATASETS)
def test_takes_image_facts_from_the_data_set(dataset: str) -> None:
    data = load_recipe("hybrid_res_a", [f"data.dataset={dataset}"]).data
    facts = DATASETS[dataset]
    assert (data.image_side, data.mean, data.std) == (facts.image_side, facts.mean, facts.std)
    assert (data.channels, data.classes) == (facts.channels, facts.classes)


def test_imagenet_may_have_another_number_of_classes() -> None:
    recipe = load_recipe("imagenet/xnor_vgg", ["data.classes=10"])
    assert network_of(recipe).layers[-1].out_channels == 10


@pytest.mark.parametrize("name", ["digits", "hybrid_res_a"])
def test_other_data_sets_have_their_own_number_of_classes(name: str) -> None:
    classes = load_recipe(name).data.classes
    with pytest.raises(RecipeError, match=rf"'data.classes' of \w+ is {classes}, not 12"):
        load_recipe(name, ["data.classes=12"])


def test_digits_need_no_folder() -> None:
    with pytest.raises(RecipeError, match="digits has its own; leave it out"):
        load_recipe("digits", ["data.path=elsewhere"])


@pytest.mark.parametrize("field", ["mean", "std"])
@pytest.mark.parametrize("numbers", ["[]", "[0.5]", "[0.5, 0.5]", "[0.5, 0.5, 0.5, 0.5]"])
def test_a_colour_channel_has_one_number(field: str, numbers: str) -> None:
    with pytest.raises(RecipeError, match=rf"'data\.{field}' needs one number for each of the 3 colour channels"):
        load_recipe("hybrid_res_a", [f"data.{field}={numbers}"])


def test_what_a_recipe_says_stands_before_what_its_data_set_fills_in() -> None:
    data = load_recipe("digits", ["data.image_side=8", "data.mean=[0.5]", "data.std=[0.25]"]).data
    assert (data.image_side, data.mean, data.std) == (8, (0.5,), (0.25,))


@pytest.mark.parametrize("key", ["data.mean=[1]", "data.classes=10", "data.path=here"])
def test_a_data_set_that_is_none_is_the_only_complaint(key: str) -> None:
    with pytest.raises(RecipeError, match=r"'data\.dataset' is not one of its choices") as refused:
        load_recipe("hybrid_res_a", ["data.dataset=cifar1000", key])
    assert "cifar100" in str(refused.value)
