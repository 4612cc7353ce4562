"""Reads YAML safely and remembers where every key was set, so that a refusal can point at it.

A recipe uses a small part of YAML: mappings, lists, text, numbers, true, false and null, as YAML 1.2 (and so
the editor that checks recipes/schema.json) reads them. What could surprise is refused: aliases, merge keys,
tags, keys given twice.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edgehybrid.errors import RecipeError

Path_ = tuple[int | str, ...]
# From the line number in a text to how the user finds that line.
Locate = Callable[[int], str]

# A recipe nests four deep. The bound keeps a hostile file from exhausting Python's stack.
_MAX_DEPTH = 20
# Every 64-bit number; Python itself refuses to read numbers of thousands of digits.
_MAX_DIGITS = 19
_FLOAT = re.compile(r"^(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+)$")


class _Loader(yaml.BaseLoader):
    """Composes nodes; scalars are typed by YAML 1.2, which reads ``no``, ``1:30`` and ``010`` as text.

    YAML 1.1, the rule of PyYAML's other loaders, makes them false, 90 and 8, and 1e-5 text.
    """


for _type, _rule, _first in (
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_type}", _rule, _first)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.1 or the reader above would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def dump_yaml(data: Mapping[str, Any]) -> str:
    """YAML text that ``read_yaml`` reads back as the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


@dataclass
class SourceTree:
    """Plain data of a YAML file with overrides applied, and where each key was set.

    ``places`` maps the path of a key to ``file:line`` or to the override.
    """

    source: str
    data: dict[str, Any]
    places: dict[Path_, str] = field(default_factory=dict)

    def place(self, path: Path_) -> str:
        """Where the key was set, or the nearest section around it."""
        for length in range(len(path), 0, -1):
            if (where := self.places.get(path[:length])) is not None:
                return where
        return self.source


def read_yaml(path: Path) -> SourceTree:
    """Reads one YAML mapping.

    Raises:
        RecipeError: not UTF-8, not YAML, not a mapping, a key given twice, or a refused part of YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"{path}: this is not a text file.",
            received=f"byte {error.start} is not UTF-8",
            allowed="a YAML file",
        ) from error
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}.") from error

    def locate(line: int) -> str:
        return f"{path}:{line}"

    root = _compose(text, locate)
    if not isinstance(root, yaml.MappingNode):
        raise RecipeError(
            f"{path}: this is not a mapping of keys to values.",
            received=_beginning(text),
            allowed="lines such as 'name: my_network'",
        )
    tree = SourceTree(str(path), {})
    tree.data = _plain(root, (), tree.places, locate)
    return tree


def apply_override(tree: SourceTree, override: str, default_kinds: Mapping[Path_, str]) -> None:
    """Sets one key from ``dotted.path=value``, the value in YAML; sections on the way are made when missing.

    Args:
        tree: changed in place.
        override: as the user wrote it after ``--set``.
        default_kinds: sections whose ``kind`` decides their fields, and the kind without that key. Setting
            another kind removes the other fields, which would not fit it.

    Raises:
        RecipeError: not of that form, a value that is not YAML, or a path that leads into a value.
    """
    source = f"--set {override}"
    dotted, equals, text = override.partition("=")
    keys = tuple(key.strip() for key in dotted.split("."))
    if not equals or not all(keys):
        raise RecipeError(
            "An override is not of the form KEY=VALUE.",
            received=source,
            allowed="a dotted path and a YAML value, such as --set training.epochs=3",
        )
    section = tree.data
    for depth, key in enumerate(keys[:-1], start=1):
        if section.get(key) is None:
            section[key] = {}
        section = section[key]
        if not isinstance(section, dict):
            inside = ".".join(keys[:depth])
            raise RecipeError(
                f"'{inside}' is a value: it has no keys.",
                received=source,
                next_step=f"Set the whole value: --set {inside}=…",
            )
    node = _compose(text, lambda line: source)
    new_places: dict[Path_, str] = {keys: source}
    value = None if node is None else _plain(node, keys, new_places, lambda line: source)
    default_kind = default_kinds.get(keys[:-1]) if keys[-1] == "kind" else None
    if default_kind is not None and section.get("kind", default_kind) != value:
        section.clear()
    section[keys[-1]] = value
    # Keys inside an overwritten section are gone, and their lines with them.
    kept = {path: where for path, where in tree.places.items() if path[: len(keys)] != keys}
    tree.places = kept | new_places


def _compose(text: str, locate: Locate) -> yaml.Node | None:
    try:
        _refuse_surprises(text, locate)
        return yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise RecipeError(f"{locate(line)}: not valid YAML: the control character U+{error.character:04X}.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = locate(mark.line + 1 if mark else 1)
        tab = "\\t" in (error.problem or "")
        raise RecipeError(
            f"{where}: not valid here: {', '.join(filter(None, (error.context, error.problem)))}.",
            next_step="Indent with spaces, not with tabs." if tab else None,
        ) from error
    except (ValueError, OverflowError) as error:
        # PyYAML passes on what chr() and int() say of an escape such as "\UFFFFFFFF".
        raise RecipeError(f"{locate(1)}: not valid YAML: a number or character code too large.") from error


def _refuse_surprises(text: str, locate: Locate) -> None:
    """Refuses aliases, tags and deep nesting before nodes are composed, which takes a call for each level."""
    depth = 1
    for event in yaml.parse(text, Loader=_Loader):
        problem = None
        if isinstance(event, yaml.AliasEvent):
            # A few nested aliases can stand for gigabytes, and an alias of its own parent for no end.
            problem = f"the alias *{event.anchor}; write the value again"
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            if event.tag is not None:
                problem = f"the tag {event.tag}; leave it out"
            elif depth > _MAX_DEPTH:
                problem = f"nested more than {_MAX_DEPTH} deep"
        if problem is not None:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise RecipeError(f"{locate(line)}: not valid here: {problem}.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)


def _plain(node: yaml.Node, path: Path_, places: dict[Path_, str], locate: Locate) -> Any:
    """Dicts, lists and scalars of a node; notes the place of each key."""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), places, locate) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, locate)
    section: dict[str, Any] = {}
    for key_node, value_node in node.value:
        where = locate(key_node.start_mark.line + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            raise RecipeError(f"{where}: a key is a word, not a list or a section.")
        key = _text(key_node, locate)
        if key == "<<":
            raise RecipeError(f"{where}: merge keys (<<) are not supported.", next_step="Write the keys out.")
        if key in section:
            raise RecipeError(
                f"{where}: key '{key}' is given twice.",
                next_step=f"Remove one of the two; the first is at {places[*path, key]}.",
            )
        places[(*path, key)] = where
        section[key] = _plain(value_node, (*path, key), places, locate)
    return section


def _scalar(node: yaml.ScalarNode, locate: Locate) -> bool | int | float | str | None:
    kind = node.tag.rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool":
        return str(node.value).lower() == "true"
    if kind == "float":
        return float(node.value)
    if kind == "int":
        digits = len(node.value.lstrip("+-"))
        if digits > _MAX_DIGITS:
            raise RecipeError(
                f"{locate(node.start_mark.line + 1)}: a number of {digits} digits.",
                allowed=f"up to {_MAX_DIGITS} digits",
            )
        return int(node.value)
    return _text(node, locate)


def _text(node: yaml.ScalarNode, locate: Locate) -> str:
    value = str(node.value)
    for character in value:
        # Control characters and lone surrogates, from escapes such as "\0", break file names and terminals.
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t":
            raise RecipeError(
                f"{locate(node.start_mark.line + 1)}: text with the character U+{ord(character):04X}, "
                "which cannot be printed."
            )
    return value


def _beginning(text: str) -> str:
    """What to show of a file that is not a recipe."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"a file that begins with '{line[:40]}'" if line else "an empty file"
