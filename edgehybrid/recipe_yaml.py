"""Reads YAML safely and remembers the line of every key, so that a refusal can point at it."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edgehybrid.errors import RecipeError

Path_ = tuple[int | str, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.1's safe loader, with numbers such as 1e-5 read as floats as YAML 1.2 does."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


@dataclass
class SourceTree:
    """Plain data of a YAML file, and where each of its keys stands."""

    source: str
    data: dict[str, Any]
    places: dict[Path_, int | str] = field(default_factory=dict)

    def place(self, path: Path_) -> str:
        """``file:line`` of a key, or of the nearest section around it; or the override that set it."""
        for length in range(len(path), 0, -1):
            if (where := self.places.get(path[:length])) is not None:
                return f"{self.source}:{where}" if isinstance(where, int) else where
        return self.source


def read_yaml(path: Path) -> SourceTree:
    """Reads one YAML mapping.

    Raises:
        RecipeError: not UTF-8, not YAML, not a mapping, or a key given twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as text: {error}.") from error
    root = _compose(text, str(path))
    if not isinstance(root, yaml.MappingNode):
        raise RecipeError(f"{path}: a recipe is a mapping of keys to values.", received=text[:40] or "an empty file")
    tree = SourceTree(str(path), {})
    tree.data = _plain(root, (), tree)
    return tree


def parse_scalar(text: str, source: str) -> Any:
    """The value of a YAML fragment, such as ``3``, ``1e-3``, ``[1, 2]`` or ``true``."""
    node = _compose(text, source)
    return None if node is None else _plain(node, (), SourceTree(source, {}))


def _compose(text: str, source: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise RecipeError(f"{source}{line}: not valid YAML: {problem}.") from error
    finally:
        loader.dispose()


def _plain(node: yaml.Node, path: Path_, tree: SourceTree) -> Any:
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in result:
                raise RecipeError(f"{tree.source}:{line}: key '{key}' is given twice.")
            tree.places[(*path, key)] = line
            result[key] = _plain(value_node, (*path, key), tree)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), tree) for index, item in enumerate(node.value)]
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except yaml.constructor.ConstructorError as error:
        raise RecipeError(f"{tree.source}:{node.start_mark.line + 1}: {error.problem}.") from error
