"""Finds a recipe by path or name and reads it.

Unknown keys, wrong types and values out of range are refused with file, line and the nearest valid name.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from edgehybrid.errors import RecipeError, did_you_mean
from edgehybrid.recipe.recipe import Recipe
from edgehybrid.recipe.refusal import Grammar, refusal_of
from edgehybrid.recipe.training import DEFAULT_KINDS
from edgehybrid.recipe.yaml_source import apply_override, read_yaml

# Folder of spaces, whose fields hold several values (edgehybrid/search/space.py): no recipes.
SPACES = "spaces/"
# Folders of runs, whose recipes are those of other folders here, every default filled in.
ZOO = "zoo/"
GRAMMAR = Grammar(Recipe, "the recipe", "recipes/README.md", DEFAULT_KINDS)


def recipes_folder() -> Path:
    """Where the shipped recipes lie: inside the installed package, or beside it in a source checkout."""
    package = Path(__file__).parent.parent
    installed = package / "recipes"
    return installed if installed.is_dir() else package.parent / "recipes"


def recipe_names() -> list[str]:
    """Names of the shipped recipes, such as ``hybrid_res_a`` or ``imagenet/xnor_vgg``."""
    folder = recipes_folder()
    names = (path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))
    return sorted(name for name in names if not name.startswith((SPACES, ZOO)))


def load_recipe(path_or_name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        path_or_name: the name of a shipped recipe, else a YAML file: a path, or a name with its suffix.
        overrides: ``dotted.path=value`` each, the value in YAML; of two for one key the later holds.

    Raises:
        RecipeError: unreadable file, unknown name or key, wrong type, value out of range.
    """
    path = _find(str(path_or_name))
    tree = read_yaml(path)
    for override in overrides:
        apply_override(tree, override, DEFAULT_KINDS)
    try:
        return Recipe.model_validate(tree.data)
    except ValidationError as error:
        raise refusal_of(error, tree, GRAMMAR) from error


def _find(path_or_name: str) -> Path:
    path = Path(path_or_name)
    names = recipe_names()
    try:
        if path_or_name in names:
            return recipes_folder() / f"{path_or_name}.yaml"
        if path.is_file() and (path.suffix in (".yaml", ".yml") or os.sep in path_or_name):
            return path
        beside = [str(other) for other in path.parent.glob("*.y*ml")]
    except OSError as error:
        raise RecipeError(f"A recipe cannot be opened: {error.strerror}.", received=path_or_name) from error
    raise RecipeError(
        "There is no such recipe.",
        received=path_or_name,
        allowed=f"a YAML file, by a path or with its suffix, or one of: {', '.join(names)}",
        next_step=did_you_mean(path_or_name, [*names, *beside]),
    )
