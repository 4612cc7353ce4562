"""A space: a recipe whose fields hold choices or ranges, and what a search of it improves."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from edgehybrid.errors import RecipeError, did_you_mean
from edgehybrid.networks import Network, build_network, network_of
from edgehybrid.recipe import Data, Recipe, recipes_folder
from edgehybrid.recipe.load import GRAMMAR
from edgehybrid.recipe.refusal import Grammar, refusal_of
from edgehybrid.recipe.training import DEFAULT_KINDS
from edgehybrid.recipe.yaml_source import Path_, SourceTree, apply_override, read_yaml
from edgehybrid.search.domain import Domain, Stored, domain_of, is_domain
from edgehybrid.search.settings import Search

# Sections in which a field may be open. Accuracies on other images cannot be compared.
OPEN_SECTIONS = ("network", "training")
# What is said of these as a whole is about values together, which a candidate need not have.
_TOGETHER: tuple[Path_, ...] = ((), ("network",), ("training",))
Params = Mapping[str, Stored]


class _Root(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    search: Search = Search()


_SEARCH_GRAMMAR = Grammar(_Root, "the section", "recipes/README.md")


@dataclass(frozen=True)
class Space:
    """What is searched.

    Attributes:
        domains: of the open fields, by dotted path, in the order of the file.
        settings: the section ``search``.
        source: the file.
        data: its plain data without that section; an open field holds the first of its values.
    """

    name: str
    domains: Mapping[str, Domain]
    settings: Search
    source: Path
    data: Mapping[str, Any]

    def recipe(self, params: Params, number: int | None = None) -> Recipe:
        """The recipe with these values of the open fields; named after the space, and the number if there is one.

        Raises:
            RecipeError: values that cannot stand together.
        """
        data = deepcopy(dict(self.data))
        for name, stored in params.items():
            _put(data, name.split("."), self.domains[name].value(stored))
        if number is not None:
            data["name"] = f"{self.name}_{number}"
        try:
            return Recipe.model_validate(data)
        except ValidationError as error:
            raise refusal_of(error, SourceTree(str(self.source), data), GRAMMAR) from error

    def params_of(self, recipe: Recipe) -> dict[str, Stored] | None:
        """The values of the open network fields that give this recipe's network; None if it does not lie in the space.

        Only topology, widths and bits count: data and training are the space's own.
        """
        part = recipe.network.model_dump(mode="json")
        placement = part["placement"]
        found: dict[str, Stored] = {}
        for name, domain in self.domains.items():
            if not name.startswith("network."):
                continue
            place = name.split(".")[1:]
            try:
                if place[:2] == ["placement", "bits"] and place[2] not in placement["bits"]:
                    # A selector that the recipe does not name has the bits of all layers.
                    placement["bits"][place[2]] = placement["weight_bits"]
                found[name] = domain.stored(_get(part, place))
            except (KeyError, ValueError):
                return None
        try:
            own = network_of(self.recipe(found))
            data = Data.model_validate(self.data["data"])
            theirs = build_network(own.name, recipe.network, data.image_side, data.channels, data.classes)
        except RecipeError:
            return None
        return found if _meaning(own) == _meaning(theirs) else None

    @property
    def sha256(self) -> str:
        """Hash of what is searched and how: equal for two files that mean the same, whatever they say of it."""
        domains = {name: repr(domain) for name, domain in self.domains.items()}
        data = {key: value for key, value in self.data.items() if key != "description"}
        # Without defaults: a later version may have more of them.
        meaning = [data, domains, self.settings.model_dump(mode="json", exclude_defaults=True)]
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


def space_names() -> list[str]:
    """Names of the shipped spaces."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def read_space(path_or_name: str, overrides: tuple[str, ...] = ()) -> Space:
    """Reads a space, as strictly as a recipe: every choice and both ends of a range must be what the field takes.

    Values that only do not go together are found when they meet in a candidate, which is then left out.

    Args:
        path_or_name: the name of a shipped space, else a YAML file.
        overrides: ``dotted.path=value`` each, as of a recipe.

    Raises:
        RecipeError: no such file, an unknown key, a value that its field cannot take, or nothing open.
    """
    path = _find(path_or_name)
    tree = read_yaml(path)
    for override in overrides:
        apply_override(tree, override, DEFAULT_KINDS)
    settings = _settings(tree)
    domains = {
        ".".join(map(str, place)): domain_of(value, ".".join(map(str, place)), tree.place(place))
        for place, value in _open_fields(tree.data, ())
    }
    if not domains:
        raise RecipeError(
            f"{path}: nothing is open: this is a recipe, not a space.",
            allowed="fields with choices or a range, such as width: {choices: [0.5, 1.0]}",
            next_step="Train it as it is: edgehybrid train FILE.",
        )
    for name in domains:
        if name.partition(".")[0] not in OPEN_SECTIONS:
            raise RecipeError(
                f"{tree.place(tuple(name.split('.')))}: '{name}' must be a single value.",
                allowed=f"choices and ranges in the sections {' and '.join(OPEN_SECTIONS)}",
            )
    if "published" in tree.data:
        raise RecipeError(f"{tree.place(('published',))}: a space has no published figures.", next_step="Remove them.")
    for name, domain in domains.items():
        _put(tree.data, name.split("."), domain.examples()[0])
    _check_values(tree, domains)
    recipe_name = str(tree.data.get("name"))
    space = Space(recipe_name, domains, settings, path, tree.data)
    _check_validation_images(tree)
    return space


def _meaning(network: Network) -> Network:
    """The network without the words on why a layer has its bits."""
    return replace(network, layers=tuple(replace(layer, reason="") for layer in network.layers))


def _folder() -> Path:
    return recipes_folder() / "spaces"


def _find(path_or_name: str) -> Path:
    if path_or_name in space_names():
        return _folder() / f"{path_or_name}.yaml"
    path = Path(path_or_name)
    if path.is_file():
        return path
    raise RecipeError(
        "There is no such space.",
        received=path_or_name,
        allowed=f"a YAML file, or one of: {', '.join(space_names())}",
        next_step=did_you_mean(path_or_name, space_names()),
    )


def _settings(tree: SourceTree) -> Search:
    """Takes the section ``search`` out of the tree."""
    data = {"search": tree.data.pop("search")} if "search" in tree.data else {}
    try:
        return _Root.model_validate(data).search
    except ValidationError as error:
        raise refusal_of(error, tree, _SEARCH_GRAMMAR) from error


def _open_fields(data: Mapping[str, Any], above: Path_) -> Iterator[tuple[Path_, dict[str, Any]]]:
    for key, value in data.items():
        if is_domain(value):
            yield (*above, key), value
        elif isinstance(value, dict):
            yield from _open_fields(value, (*above, key))


def _check_values(tree: SourceTree, domains: Mapping[str, Domain]) -> None:
    """Refuses what a field alone cannot take: each value of each domain, the others at their first."""
    _refuse(tree)
    for name, domain in domains.items():
        for value in domain.examples()[1:]:
            data = deepcopy(tree.data)
            _put(data, name.split("."), value)
            _refuse(SourceTree(tree.source, data, tree.places))


def _refuse(tree: SourceTree) -> None:
    try:
        Recipe.model_validate(tree.data)
    except ValidationError as error:
        if any(problem["type"] != "value_error" or problem["loc"] not in _TOGETHER for problem in error.errors()):
            raise refusal_of(error, tree, GRAMMAR) from error


def _check_validation_images(tree: SourceTree) -> None:
    if not tree.data["data"].get("validation_images"):
        raise RecipeError(
            f"{tree.place(('data',))}: a search chooses by validation images, and none are held out.",
            received="data.validation_images: 0",
            allowed="such as validation_images: 5000 of the 50,000 training images of CIFAR",
        )


def _put(data: dict[str, Any], place: Sequence[str], value: Any) -> None:
    for key in place[:-1]:
        data = data.setdefault(key, {})
    data[place[-1]] = value


def _get(data: Mapping[str, Any], place: Sequence[str]) -> Any:
    value: Any = data
    for key in place:
        value = value[key]
    return value
