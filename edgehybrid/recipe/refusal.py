"""Says what is wrong with a YAML file in the words of its documentation, where pydantic speaks of Python."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError

from edgehybrid.errors import RecipeError, did_you_mean
from edgehybrid.recipe.yaml_source import Path_, SourceTree

# pydantic's name of a complaint, and what the value must be.
_MUST_BE = {
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number of ordinary size",
    "tuple_type": "a list",
    "dict_type": "a section of keys",
    "string_too_short": "text that is not empty",
    "too_short": "a list that is not empty",
    "string_pattern_mismatch": "lower-case letters, digits and _, in parts joined by . or /",
}
_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


class Grammar(NamedTuple):
    """What a kind of YAML file should be.

    Attributes:
        root: the model that the data should follow.
        whole: the file in words, such as "the recipe".
        documentation: where a user reads what its keys mean.
        default_kinds: paths of the sections whose ``kind`` chooses among several models.
    """

    root: type[BaseModel]
    whole: str
    documentation: str
    default_kinds: Mapping[Path_, str] = {}


def refusal_of(error: ValidationError, tree: SourceTree, grammar: Grammar) -> RecipeError:
    """The most telling complaint of ``error``, with the place in the file or the override it is about.

    Args:
        error: what pydantic found.
        tree: the data it looked at.
        grammar: what the data should be.
    """
    problems = error.errors()
    # A misspelt key also shows as a missing one, and the spelling is the cause.
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    complaint, location, value = problem["type"], problem["loc"], problem["input"]
    see = f"See {grammar.documentation}."
    is_key = location[-1:] == ("[key]",)
    if is_key:
        location = location[:-1]
    # pydantic puts the kind into the location, where the file has no key.
    path = tuple(part for at, part in enumerate(location) if location[:at] not in grammar.default_kinds)
    if complaint == "union_tag_invalid":
        path, value = (*path, "kind"), value["kind"]
    name, where = ".".join(map(str, path)), tree.place(path)
    section = ".".join(map(str, path[:-1])) or grammar.whole
    context = problem.get("ctx", {})
    choices = re.findall(r"'([^']*)'", context.get("expected_tags") or context.get("expected") or "")
    if complaint == "extra_forbidden" or is_key:
        known = choices or _keys(grammar.root, location)
        return _wrong_choice(f"{where}: unknown key '{path[-1]}' in {section}.", path[-1], known, see)
    if complaint == "missing":
        return RecipeError(
            f"{tree.place(path[:-1])}: key '{path[-1]}' is missing in {section}.",
            next_step=f"Add '{path[-1]}:'; {grammar.documentation} says what it means.",
        )
    if complaint == "value_error":
        return RecipeError(f"{where}: {context['error']}.")
    if choices:
        return _wrong_choice(f"{where}: '{name}' is not one of its choices.", value, choices, see)
    limits = [f"{sign} {context[bound]}" for bound, sign in _BOUNDS.items() if bound in context]
    if limits:
        return RecipeError(f"{where}: '{name}' is out of range.", received=_shown(value), allowed=limits[0])
    must_be = _MUST_BE.get(complaint, f"something else: {problem['msg']}")
    return RecipeError(f"{where}: '{name}' must be {must_be}.", received=_shown(value), next_step=see)


def _wrong_choice(what: str, value: object, choices: Sequence[str], see: str) -> RecipeError:
    next_step = did_you_mean(str(value), choices) or see
    return RecipeError(what, received=_shown(value), allowed=", ".join(choices), next_step=next_step)


def _shown(value: object) -> str:
    """A value as YAML writes it; only the outline of a section or of a long value."""
    if isinstance(value, dict):
        return f"a section with the keys {', '.join(value)}" if value else "an empty section"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _keys(root: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """The keys of the section in which ``location``, kinds included, ends."""
    sections, is_map = [root], False
    for part in location[:-1]:
        if is_map:
            # A key that the file chose, of sections that are all alike.
            is_map = False
            continue
        fields = [section.model_fields[part] for section in sections if part in section.model_fields]
        if fields:
            # ``Published | None`` and ``Sgd | Adam`` have arguments, ``Data`` has none.
            annotation = fields[0].annotation
            is_map = get_origin(annotation) is dict
            types = get_args(annotation) or (annotation,)
            sections = [inner for inner in types if isinstance(inner, type) and issubclass(inner, BaseModel)]
        else:
            sections = [s for s in sections if get_args(s.model_fields["kind"].annotation) == (part,)]
    return list(sections[0].model_fields)
