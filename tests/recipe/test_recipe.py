"""Tests of edgehybrid/recipe/: a recipe as a whole. Those of the folder recipes/ are in test_recipes_folder.py."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edgehybrid.errors import RecipeError
from edgehybrid.networks import network_of
from edgehybrid.recipe import DATASETS, Recipe, load_recipe, recipe_names
from edgehybrid.recipe.yaml_source import dump_yaml

NAMES = recipe_names()
GOOD = """\
name: my_network
description: A network of my own
data:
  dataset: cifar100
network:
  architecture: resnet20
"""


def write(folder: Path, text: str, name: str = "my_network.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def leaves(section: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


# Finding a recipe.


def test_finds_a_recipe_by_name_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_recipe("imagenet/xnor_vgg").name == "imagenet/xnor_vgg"


def test_finds_a_name_with_a_dot() -> None:
    assert load_recipe("xnor_res_x1.5").network.width == 1.5


def test_a_file_of_a_recipes_name_does_not_hide_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, GOOD, "hybrid_res_a")
    monkeypatch.chdir(tmp_path)
    assert load_recipe("hybrid_res_a").name == "hybrid_res_a"
    assert load_recipe("./hybrid_res_a").name == "my_network"


def test_a_file_without_suffix_needs_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, GOOD, "mine")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match="no such recipe") as caught:
        load_recipe("mine")
    assert "by a path or with its suffix" in (caught.value.allowed or "")


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [
        ("hybrid_res_aa", "hybrid_res_a"),
        ("xnor_vg", "xnor_vgg"),
        ("imagenet/hybrid_vgg_aprime", "imagenet/hybrid_vgg_a_prime"),
        ("mine/my_netwrk.yaml", "mine/my_network.yaml"),
    ],
)
def test_suggests_the_nearest_name_or_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, nearest: str
) -> None:
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", GOOD)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match="There is no such recipe") as refused:
        load_recipe(wanted)
    assert refused.value.received == wanted
    assert refused.value.next_step == f"Did you mean '{nearest}'?"


def test_lists_all_names_where_none_is_near() -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe("?")
    assert refused.value.next_step is None
    assert str(refused.value.allowed).endswith(", ".join(NAMES))


@pytest.mark.parametrize("wanted", ["", ".", "a\0b", "a" * 5000, "absent/absent.yaml"])
def test_refuses_a_path_that_cannot_be_opened(wanted: str) -> None:
    with pytest.raises(RecipeError):
        load_recipe(wanted)


# What a file means.


def test_fills_in_every_default(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    assert recipe.training.epochs == 199
    assert recipe.network.placement.full_precision == ("first", "last")
    assert recipe.published is None


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


def test_the_later_of_two_overrides_holds() -> None:
    recipe = load_recipe("hybrid_res_a", ["training.epochs=3", "training.seed=5", "training.epochs=4"])
    assert (recipe.training.epochs, recipe.training.seed) == (4, 5)


@pytest.mark.parametrize("name", ["digits", "xnor_vgg", "hybrid_res_c"])
def test_setting_a_field_to_its_value_changes_nothing(name: str) -> None:
    recipe = load_recipe(name)
    for path, value in leaves(recipe.model_dump(mode="json")):
        yaml = dump_yaml({"key": value}).removeprefix("key:")
        assert load_recipe(name, [f"{'.'.join(path)}={yaml}"]) == recipe, path


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


def test_is_frozen() -> None:
    recipe = load_recipe("hybrid_res_a")
    placement = recipe.network.placement
    for section, field in ((recipe, "name"), (recipe.training, "epochs"), (placement, "weight_bits")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(section, field, getattr(section, field))
    assert isinstance(recipe.data.mean, tuple)


@pytest.mark.parametrize("name", NAMES)
def test_resolved_recipe_reads_back_as_itself(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    again = load_recipe(write(tmp_path, recipe.to_yaml()))
    assert again == recipe
    assert again.sha256 == recipe.sha256


def test_digits_need_no_folder() -> None:
    with pytest.raises(RecipeError, match="digits has its own; leave it out"):
        load_recipe("digits", ["data.path=elsewhere"])


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


# Bad input of every kind; the wording is tested in test_refusal.py and test_yaml_source.py.

MUTATION = st.lists(
    # Where, how many characters go, and what comes in their place.
    st.tuples(
        st.integers(0, 1000),
        st.integers(0, 12),
        st.text(max_size=3) | st.sampled_from([":", "- ", "\t", "*a", "&a", "<<:", "{"]),
    ),
    min_size=1,
    max_size=4,
)


@given(mutations=MUTATION)
def test_a_damaged_recipe_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, mutations: list[tuple[int, int, str]]
) -> None:
    text = load_recipe("hybrid_vgg_a").to_yaml()
    for start, removed, added in mutations:
        text = text[:start] + added + text[start + removed :]
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_bytes(text.encode(errors="replace"))
    with contextlib.suppress(RecipeError):
        network_of(load_recipe(path))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 10**18) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "x"]), inner),
    max_leaves=5,
)


@given(
    path=st.sampled_from([path for path, _ in leaves(load_recipe("digits").model_dump(mode="json"))]),
    depth=st.integers(1, 3),
    value=JSON,
)
def test_a_wrong_value_is_read_or_refused(path: tuple[str, ...], depth: int, value: Any) -> None:
    with contextlib.suppress(RecipeError):
        network_of(load_recipe("digits", [f"{'.'.join(path[:depth])}={json.dumps(value)}"]))
