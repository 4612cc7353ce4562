"""Finding a recipe by name or path, what overrides change, and bad input of every kind."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipe_files import GOOD, leaves, write

from edgehybrid.errors import RecipeError
from edgehybrid.networks import network_of
from edgehybrid.recipe import load_recipe, recipe_names
from edgehybrid.recipe.yaml_source import dump_yaml

NAMES = recipe_names()
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


# Overrides.


def test_the_later_of_two_overrides_holds() -> None:
    recipe = load_recipe("hybrid_res_a", ["training.epochs=3", "training.seed=5", "training.epochs=4"])
    assert (recipe.training.epochs, recipe.training.seed) == (4, 5)


@pytest.mark.parametrize("name", ["digits", "xnor_vgg", "hybrid_res_c"])
def test_setting_a_field_to_its_value_changes_nothing(name: str) -> None:
    recipe = load_recipe(name)
    for path, value in leaves(recipe.model_dump(mode="json")):
        yaml = dump_yaml({"key": value}).removeprefix("key:")
        assert load_recipe(name, [f"{'.'.join(path)}={yaml}"]) == recipe, path


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
