"""A space is read as strictly as a recipe, and its points are recipes."""

from pathlib import Path

import pytest
from small_spaces import SPACE, small_space, write_space

from edgehybrid.errors import RecipeError
from edgehybrid.recipe import load_recipe, recipe_names
from edgehybrid.search.space import read_space, space_names


def test_a_point_is_the_recipe_with_these_values(tmp_path: Path) -> None:
    space = small_space(tmp_path)
    assert list(space.domains) == ["network.width", "network.placement.full_precision", "network.placement.bits.stage2"]
    params = {
        "network.width": 0.5,
        "network.placement.full_precision": '["first", "last", "shortcuts"]',
        "network.placement.bits.stage2": 2,
    }
    recipe = space.recipe(params, 7)
    assert recipe.name == "small_7"
    assert recipe.network.width == 0.5
    assert recipe.network.placement.full_precision == ("first", "last", "shortcuts")
    assert recipe.network.placement.bits == {"stage2": 2}


def test_a_shipped_recipe_lies_in_the_space_if_its_network_does(tmp_path: Path) -> None:
    space = small_space(tmp_path)
    found = {name for name in recipe_names() if space.params_of(load_recipe(name)) is not None}
    # Data and training are the space's own; widths of 1.5 or other shortcuts are not in it.
    assert found == {"digits", "hybrid_res_a", "xnor_res"}
    params = space.params_of(load_recipe("xnor_res"))
    assert params is not None
    assert space.recipe(params).network.placement.full_precision == ("first", "last")


def test_two_files_that_mean_the_same_are_one_space(tmp_path: Path) -> None:
    one = small_space(tmp_path)
    other = small_space(tmp_path, "seed: 0", SPACE.replace("for tests", "other words") + "# a comment\n")
    assert one.sha256 == other.sha256
    assert one.sha256 != small_space(tmp_path, search="seed: 1").sha256
    assert one.sha256 != small_space(tmp_path, text=SPACE.replace("0.25, ", "")).sha256


@pytest.mark.parametrize("name", space_names())
def test_a_shipped_space_is_read_and_is_no_recipe(name: str) -> None:
    space = read_space(name)
    assert space.domains
    assert space.data["data"]["validation_images"] > 0
    assert f"spaces/{name}" not in recipe_names()


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("width:", "widht:", ["unknown key 'widht'", "width"]),
        ("[0.25, 0.5, 1.0]", "[0.25, half]", ["network.width", "must be a number", '"half"']),
        ("[0.25, 0.5, 1.0]", "[0.25, -1.0]", ["network.width", "out of range"]),
        ("stage2: {choices: [1, 2]}", "stage2: {choices: [1, 9]}", ["9 bits"]),
        ("resnet20", "resnet21", ["not one of its choices", "resnet20"]),
        ("dataset: digits", "dataset: {choices: [digits, cifar100]}", ["must be a single value"]),
        ("  validation_images: 157\n", "", ["validation images"]),
        ("description: for tests", "description: for tests\npublished: {table: 3}", ["no published figures"]),
        ("name: small\n", "", ["key 'name' is missing"]),
    ],
)
def test_refuses_what_a_field_cannot_take(old: str, new: str, parts: list[str], tmp_path: Path) -> None:
    assert old in SPACE
    path = write_space(tmp_path, SPACE.replace(old, new))
    with pytest.raises(RecipeError) as refusal:
        read_space(str(path))
    for part in parts:
        assert part in str(refusal.value)


def test_refuses_an_unknown_key_of_the_search(tmp_path: Path) -> None:
    path = write_space(tmp_path, search="objectivs: [top1_percent]")
    with pytest.raises(RecipeError, match="unknown key 'objectivs' in search") as refusal:
        read_space(str(path))
    assert "objectives" in str(refusal.value)


def test_refuses_a_recipe_and_a_name_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="nothing is open"):
        read_space(str(write_space(tmp_path, "name: a\ndescription: b\ndata: {dataset: digits}\n")))
    with pytest.raises(RecipeError, match="no such space") as refusal:
        read_space("digitz")
    assert "digits" in str(refusal.value)


def test_values_that_only_do_not_go_together_are_left_to_the_candidates(tmp_path: Path) -> None:
    text = SPACE.replace(
        "  architecture: resnet20\n",
        "  architecture: resnet20\n  standardise_weights: {choices: [false, true]}\n",
    )
    space = read_space(str(write_space(tmp_path, text)))
    with pytest.raises(RecipeError, match="standardise_weights"):
        space.recipe({"network.standardise_weights": True})
