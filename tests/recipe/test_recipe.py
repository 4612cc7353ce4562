"""A recipe as a whole: its defaults, its sections together, its file and its hash."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipe_files import GOOD, write

from edgehybrid.errors import RecipeError
from edgehybrid.recipe import Recipe, load_recipe, recipe_names

NAMES = recipe_names()


def test_fills_in_every_default(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    assert recipe.training.epochs == 199
    assert recipe.network.placement.full_precision == ("first", "last")
    assert recipe.published is None


def test_refuses_to_clip_weights_that_are_standardised() -> None:
    with pytest.raises(RecipeError, match=r"set 'training\.latent_weights\.clip' to false"):
        load_recipe("hybrid_res_a", ["network.standardise_weights=true"])
    recipe = load_recipe("hybrid_res_a", ["network.standardise_weights=true", "training.latent_weights.clip=false"])
    assert recipe.network.standardise_weights


def test_refuses_bop_for_weights_that_are_standardised() -> None:
    overrides = [
        "network.standardise_weights=true",
        "training.latent_weights.clip=false",
        "training.optimizer.kind=bop",
    ]
    with pytest.raises(RecipeError, match=r"'network\.standardise_weights' must be false .* bop"):
        load_recipe("hybrid_res_a", overrides)


@pytest.mark.parametrize("name", NAMES)
def test_resolved_recipe_reads_back_as_itself(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    again = load_recipe(write(tmp_path, recipe.to_yaml()))
    assert again == recipe
    assert again.sha256 == recipe.sha256


# Texts of all kinds that a file can hold.
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\t"))


@given(
    description=TEXT,
    path=st.none() | TEXT,
    decay=st.floats(0, 1e300),
    name=st.sampled_from(["1e5", "null", "0", "on"]),
)
def test_resolved_recipe_of_any_text_and_number_reads_back_as_itself(
    tmp_path_factory: pytest.TempPathFactory, description: str, path: str | None, decay: float, name: str
) -> None:
    recipe = Recipe.model_validate(
        {
            "name": name,
            "description": description,
            "data": {"dataset": "cifar100", "path": path},
            "network": {"architecture": "resnet20"},
            "training": {"weight_decay": decay},
        }
    )
    assert load_recipe(write(tmp_path_factory.getbasetemp(), recipe.to_yaml(), "random.yaml")) == recipe


@pytest.mark.parametrize(
    "text",
    [
        "# comment\n" + GOOD,
        "description: A network of my own\nnetwork: {architecture: resnet20}\n"
        "data: {dataset: 'cifar100'}\n\"name\": my_network",
        GOOD + "training:\n  epochs: 199\n  weight_decay: 0.00001\n  schedule: {kind: step}\n",
        GOOD + "  width: 1\n",
        GOOD + "published: null\n",
    ],
)
def test_sha256_is_equal_for_files_that_mean_the_same(tmp_path: Path, text: str) -> None:
    one, other = write(tmp_path, text), write(tmp_path, GOOD, "other.yaml")
    assert load_recipe(one).sha256 == load_recipe(other).sha256


def test_sha256_differs_for_files_that_mean_something_else() -> None:
    overrides = ["training.seed=3", "network.width=2", "description=x", "data.path=here", "published="]
    hashes = {load_recipe("hybrid_res_a", chosen).sha256 for chosen in ([], *([one] for one in overrides))}
    assert len(hashes) == 1 + len(overrides)
    assert len({load_recipe(name).sha256 for name in NAMES}) == len(NAMES)


def test_levels_are_made_of_pixels_alone() -> None:
    with pytest.raises(RecipeError, match="ern reads pixels"):
        load_recipe("ern/cifar16", ["data.std=[0.5, 1, 1]"])


def test_levels_have_no_sharpness() -> None:
    with pytest.raises(RecipeError, match="sharpness' must be null"):
        load_recipe("ern/cifar16", ["training.health.sharpness.every_steps=5"])
