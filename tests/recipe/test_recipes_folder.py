"""Tests of the folder recipes/: the shipped recipes, schema.json and README.md."""

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import ValidationError
from recipe_files import leaves

from edgehybrid.errors import RecipeError
from edgehybrid.networks import network_of
from edgehybrid.recipe import DATASETS, Recipe, load_recipe, recipe_names, recipes_folder
from edgehybrid.recipe.yaml_source import SourceTree, apply_override, read_yaml
from edgehybrid.training.schedules import weight_decay

NAMES = recipe_names()
# Beside this file: the README may be absent from an installed package.
README = (Path(__file__).parents[2] / "recipes" / "README.md").read_text(encoding="utf-8")


def raw(name: str) -> dict[str, Any]:
    """A shipped recipe as its file says, without defaults."""
    return read_yaml(recipes_folder() / f"{name}.yaml").data


# The shipped recipes.


def test_ships_24_networks_of_the_paper_and_others() -> None:
    others = [name for name in NAMES if load_recipe(name).published is None]
    assert len(NAMES) - len(others) == 24
    assert {name.rpartition("/")[0] or name for name in others} == {"digits", "ern", "moons", "pca"}


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recipe_builds_a_network(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert network_of(recipe).classes == DATASETS[recipe.data.dataset].classes


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recipe_follows_the_schema(name: str) -> None:
    jsonschema.validate(raw(name), json.loads((recipes_folder() / "schema.json").read_text()))


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recipe_names_the_schema_for_editors(name: str) -> None:
    first, _, _ = (recipes_folder() / f"{name}.yaml").read_text().partition("\n")
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert ((recipes_folder() / name).parent / schema).resolve() == recipes_folder().resolve() / "schema.json"


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recipe_holds_only_what_differs_from_the_defaults(name: str) -> None:
    recipe = load_recipe(name)
    assert ("network", "placement", "full_precision") in dict(leaves(raw(name)))
    for path, _ in leaves(raw(name)):
        data = raw(name)
        section = data
        for key in path[:-1]:
            section = section[key]
        del section[path[-1]]
        try:
            superfluous = Recipe.model_validate(data) == recipe
        except ValidationError:
            superfluous = False  # a required field
        assert not superfluous or path[-1] == "full_precision", path


def test_cifar_resnets_train_by_the_defaults() -> None:
    for name in NAMES:
        if "res" in name:
            assert "training" not in raw(name)


@pytest.mark.parametrize("name", [name for name in NAMES if "vgg" in name])
def test_vggs_train_by_the_published_recipe(name: str) -> None:
    training = load_recipe(name).training
    found = (training.epochs, training.batch_size, training.optimizer.learning_rate, training.schedule)
    if name.startswith("imagenet/"):
        expected: tuple[Any, ...] = (90, 120, 0.1, (30, 50, 70))
        # The first and the last epoch, and those round the change; one step each.
        decays = {1: 1e-5, 29: 1e-5, 30: 1e-4, 90: 1e-4}
    else:
        expected = (199, 128, 0.01, (81, 122, 164))
        decays = {1: 1e-5, 199: 1e-5}
    assert (*found[:3], getattr(found[3], "epochs", None)) == expected
    assert {epoch: weight_decay(training, epoch - 1, 1) for epoch in decays} == pytest.approx(decays, rel=1e-15)


REFERENCES = {"res": "xnor_res", "vgg": "xnor_vgg", "imagenet": "imagenet/xnor_vgg"}


@pytest.mark.parametrize("name", [name for name in NAMES if load_recipe(name).published and "float" not in name])
@pytest.mark.parametrize("ratio", ["energy_efficiency", "memory_compression"])
def test_published_ratios_to_xnor_follow_from_those_to_full_precision(name: str, ratio: str) -> None:
    family = "imagenet" if "imagenet" in name else "res" if "res" in name else "vgg"
    published, reference = load_recipe(name).published, load_recipe(REFERENCES[family]).published
    assert published is not None
    assert reference is not None
    quotient: float = getattr(published, f"{ratio}_fp") / getattr(reference, f"{ratio}_fp")
    # The paper divides its printed figures, and rounds or cuts to two decimals.
    expected: tuple[float, ...] = (round(quotient, 2), math.floor(100 * quotient) / 100)
    if (name, ratio) == ("hybrid_vgg_b", "energy_efficiency"):
        expected = (0.39,)  # a slip of the paper: 9.28 / 24.13 is 0.3846
    assert getattr(published, f"{ratio}_xnor") in expected


# schema.json and README.md say what the code does.


def test_schema_is_up_to_date() -> None:
    fresh = subprocess.run(
        [sys.executable, "-m", "edgehybrid.recipe"], capture_output=True, text=True, check=True
    ).stdout
    shipped = (recipes_folder() / "schema.json").read_text()
    assert shipped == fresh, "run: python -m edgehybrid.recipe > recipes/schema.json"


@pytest.mark.parametrize("override", ["trainig.epochs=3", "data.dataset=mnist", "network.width=-1", "name=3"])
def test_schema_refuses_what_the_reader_refuses(override: str) -> None:
    tree = SourceTree("", raw("hybrid_res_a"))
    apply_override(tree, override, {})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree.data, Recipe.model_json_schema())


def table_rows(readme: str, columns: int) -> list[list[str]]:
    lines = [line for line in readme.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return [row for row in rows if len(row) == columns]


Documented = tuple[str, str, Any]  # field, type in the words of the README, default


def schema_fields(schema: dict[str, Any], definitions: dict[str, Any], path: str = "") -> Iterator[Documented]:
    """Every field of a JSON Schema; a field of one kind only has that kind behind its name."""
    for name, field in schema["properties"].items():
        default = field.get("default", "of the data set" if path == "data." else None)
        if name in schema.get("required", ()):
            default = "required"
        parts = field.get("oneOf", field.get("anyOf", [field]))
        resolved = [definitions[p["$ref"].rpartition("/")[2]] if "$ref" in p else p for p in parts]
        if "discriminator" in field:
            kinds = [member["properties"]["kind"]["const"] for member in resolved]
            yield f"`{path}{name}.kind`", choices(kinds), default["kind"]
            for kind, member in zip(kinds, resolved, strict=True):
                for inner, words, value in schema_fields(member, definitions, f"{path}{name}."):
                    if not inner.endswith(".kind`"):
                        yield f"{inner} ({kind})", words, value
        elif "properties" in resolved[0]:
            yield from schema_fields(resolved[0], definitions, f"{path}{name}.")
        else:
            words = in_words(resolved[0])
            if len(resolved) == 2:
                words += ", or null" if "," in words else " or null"
            yield f"`{path}{name}`", words, default


def choices(values: list[str]) -> str:
    return "one of " + ", ".join(f"`{value}`" for value in values)


def in_words(field: dict[str, Any], plural: str = "") -> str:
    if "enum" in field:
        return choices(field["enum"])
    if field["type"] == "array":
        return f"list of {in_words(field['items'], 's')}"
    if field["type"] == "object":
        return f"{in_words(field['additionalProperties'], 's')} by name"
    types = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    words = types[field["type"]]
    low, above, high = field.get("minimum"), field.get("exclusiveMinimum"), field.get("maximum")
    below = field.get("exclusiveMaximum")
    if below is not None and field["type"] == "integer":
        below, high = None, below - 1
    limits = [f"> {above:g}"] if above is not None else []
    if low is not None and high is not None:
        limits.append(f"{low:g} … {high:.12g}")
    else:
        limits += [f"≥ {low:g}"] if low is not None else []
        limits += [f"≤ {high:g}"] if high is not None else []
        limits += [f"< {below:g}"] if below is not None else []
    return ", ".join([words + plural, *limits])


def test_readme_documents_every_field_with_its_type_and_default() -> None:
    schema = Recipe.model_json_schema()
    expected = {name: (words, default) for name, words, default in schema_fields(schema, schema["$defs"])}
    documented = {}
    for name, words, _, default, _ in table_rows(README, 5):
        tree = SourceTree("README", {})
        apply_override(tree, f"default={default.strip('`')}", {})
        documented[name] = (words, tree.data["default"])
    assert documented == expected


def test_readme_has_a_chapter_for_every_section() -> None:
    paths = [path for path, _ in leaves(load_recipe("hybrid_res_a").model_dump(mode="json"))]
    sections = {".".join(path[:depth]) for path in paths for depth in range(1, len(path))}
    assert sections <= set(re.findall(r"^### `([a-z_.]+)`$", README, re.MULTILINE))


@pytest.mark.parametrize("name", ["xnor_res", "hybrid_vgg_a"])
def test_readme_lists_every_selector(name: str) -> None:
    with pytest.raises(RecipeError) as refused:
        network_of(load_recipe(name, ["network.placement.full_precision=[absent]"]))
    layers = {layer.name for layer in network_of(load_recipe(name))}
    for selector in str(refused.value.allowed).split(", "):
        shown = "stage1" if re.fullmatch(r"stage\d", selector) else selector
        assert selector in layers or f"| `{shown}`" in README, selector


def test_readme_names_the_row_of_the_paper_of_every_recipe() -> None:
    documented = {}
    for name, table, _, width, *figures in table_rows(README, 9):
        numbers = [None if figure == "–" else float(figure) for figure in figures]
        documented[name.strip("`")] = [float(table), float(width), *numbers]
    expected = {}
    for name in NAMES:
        recipe = load_recipe(name)
        if recipe.published is not None:
            printed = recipe.published.model_dump()
            expected[name] = [printed.pop("table"), recipe.network.width, *printed.values()]
    assert documented == expected
