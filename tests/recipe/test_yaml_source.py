"""Tests of edgehybrid/recipe/yaml_source.py."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgehybrid.errors import RecipeError
from edgehybrid.recipe.yaml_source import Path_, SourceTree, apply_override, dump_yaml, read_yaml

KINDS: dict[Path_, str] = {("training", "optimizer"): "sgd"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yaml") / "file.yaml"


def read(file: Path, text: str) -> dict[str, Any]:
    file.write_text(text, encoding="utf-8")
    return read_yaml(file).data


def refusal(file: Path, text: str) -> str:
    with pytest.raises(RecipeError) as refused:
        read(file, text)
    return str(refused.value)


def overridden(text: str, *overrides: str) -> SourceTree:
    tree = SourceTree("file.yaml", {})
    for override in (*text.split(), *overrides):
        apply_override(tree, override, KINDS)
    return tree


# Reading values.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e-5", 1e-5),
        ("1.5E+3", 1500.0),
        ("-1e3", -1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("text", "text"),
        ("'3'", "3"),
        ('"true"', "true"),
        ("[1, a]", [1, "a"]),
        ("{a: 1}", {"a": 1}),
    ],
)
def test_reads_values_as_yaml_1_2(file: Path, text: str, value: object) -> None:
    found = read(file, f"key: {text}\n")["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["yes", "no", "on", "010", "1:30", "0x10", "1_000", ".inf", "2019-01-01"])
def test_reads_what_only_yaml_1_1_converts_as_text(file: Path, text: str) -> None:
    assert read(file, f"key: {text}\n") == {"key": text}


def test_reads_keys_as_text(file: Path) -> None:
    assert read(file, "1: a\ntrue: b\nnull: c\n") == {"1": "a", "true": "b", "null": "c"}


def test_ignores_a_byte_order_mark(file: Path) -> None:
    assert read(file, "\ufeffkey: 1\n") == {"key": 1}


def test_knows_the_line_of_each_key(file: Path) -> None:
    file.write_text("# comment\na: 1\nb:\n  c:\n  - x: 2\n")
    tree = read_yaml(file)
    assert tree.place(("a",)) == f"{file}:2"
    assert tree.place(("b", "c")) == f"{file}:4"
    assert tree.place(("b", "c", 0, "x")) == f"{file}:5"


def test_places_an_absent_key_at_the_section_around_it(file: Path) -> None:
    file.write_text("a: 1\nb:\n  c: 2\n")
    tree = read_yaml(file)
    assert tree.place(("b", "absent")) == f"{file}:2"
    assert tree.place(("absent",)) == str(file)


# Refusing files.


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "key 'a' is given twice"),
        ('a: 1\n"a": 3\n', 2, "key 'a' is given twice"),
        ("a: &x 1\nb: *x\n", 2, "the alias *x"),
        ("a: &x\n  b: *x\n", 2, "the alias *x"),
        ("a: &x {b: 1}\nc:\n  <<: {d: 1}\n", 3, "merge keys"),
        ("a: !!python/object:os.system {}\n", 1, "the tag"),
        ("a: !!int x\n", 1, "the tag"),
        ("? [a, b]\n: 1\n", 1, "a key is a word"),
        ("a:\n\tb: 1\n", 2, "tabs"),
        ("\ta: 1\n", 1, "tabs"),
        ("a: [1\nb: 2\n", 2, "not valid here"),
        ("a: 'open\n", 2, "not valid here"),
        ("a: 1\n  b: 2\n", 2, "not valid here"),
        ("a: 1\n---\nb: 2\n", 2, "not valid here"),
        ("a: 1\nb: \x01\n", 2, "control character U+0001"),
        ('a: 1\nb: "\\0"\n', 2, "character U+0000"),
        ('a: "\\ud800"\n', 1, "character U+D800"),
        ('a: "\\Uffffffff"\n', 1, "too large"),
        (f"a: 1\nb: {'9' * 5000}\n", 2, "a number of 5000 digits"),
        (f"a: {'[' * 5000}\n", 1, "nested more than"),
        ("a:\n" + "".join(f"{' ' * depth}- \n" for depth in range(1, 200)), 21, "nested more than"),
    ],
)
def test_refuses_with_the_line(file: Path, text: str, line: int, what: str) -> None:
    message = refusal(file, text)
    assert message.startswith(f"{file}:{line}: ")
    assert what in message


def test_refuses_a_billion_laughs(file: Path) -> None:
    # Ten levels of ten aliases each would stand for 10^10 items.
    laughs = "a0: &a0 [ha]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 11)
    )
    assert "the alias *a0" in refusal(file, laughs)


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("", "an empty file"),
        ("\n \n# only a comment\n", "a file that begins with '# only a comment'"),
        ("- a\n- b\n", "a file that begins with '- a'"),
        ("just words\n", "a file that begins with 'just words'"),
        ("3\n", "a file that begins with '3'"),
    ],
)
def test_refuses_what_is_no_mapping(file: Path, text: str, received: str) -> None:
    message = refusal(file, text)
    assert "this is not a mapping of keys to values" in message
    assert f"received: {received}" in message


def test_refuses_a_binary_file(file: Path) -> None:
    file.write_bytes(b"TFL3\xff\xfe\x00")
    with pytest.raises(RecipeError, match="not a text file") as refused:
        read_yaml(file)
    assert refused.value.received == "byte 4 is not UTF-8"


def test_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read: No such file or directory"):
        read_yaml(tmp_path / "absent.yaml")


@given(text=st.text())
@example("%YAML 1." + "9" * 5000)
@example("a: " + "{" * 1000)
def test_reads_or_refuses_any_text(file: Path, text: str) -> None:
    with contextlib.suppress(RecipeError):
        assert isinstance(read(file, text.encode(errors="replace").decode()), dict)


# Writing.

NUMBERS = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\t"))


VALUES = SCALARS | TEXT | st.lists(SCALARS | TEXT)


@given(data=st.dictionaries(TEXT.filter(lambda key: key != "<<"), VALUES))
@example({"a": "1e5", "b": "010", "c": "no", "d": "1:30", "e": "~", "f": "", "g": "2e-3"})
def test_reads_back_what_it_writes(file: Path, data: dict[str, Any]) -> None:
    assert read(file, dump_yaml(data)) == data


def test_writes_no_alias_for_a_shared_list() -> None:
    shared = ["a"]
    assert "*" not in dump_yaml({"x": shared, "y": shared})


# Overrides.


@pytest.mark.parametrize(
    ("override", "data"),
    [
        ("a=3", {"a": 3}),
        ("a.b.c=1e-3", {"a": {"b": {"c": 1e-3}}}),
        ("a=", {"a": None}),
        ("a=x=y", {"a": "x=y"}),
        ("a=[1, {b: c}]", {"a": [1, {"b": "c"}]}),
        (" a . b = true ", {"a": {"b": True}}),
        ("3.4=5", {"3": {"4": 5}}),
    ],
)
def test_overrides_by_dotted_path(override: str, data: dict[str, Any]) -> None:
    tree = SourceTree("file.yaml", {})
    apply_override(tree, override, {})
    assert tree.data == data


def test_overrides_inside_an_empty_section() -> None:
    tree = SourceTree("file.yaml", {"a": None})
    apply_override(tree, "a.b=1", {})
    assert tree.data == {"a": {"b": 1}}


def test_last_override_holds() -> None:
    assert overridden("a=1 a=2").data == {"a": 2}


def test_keeps_the_other_keys_of_a_section() -> None:
    assert overridden("a.b=1 a.c=2 a.b=3").data == {"a": {"b": 3, "c": 2}}


def test_places_a_key_at_its_override(file: Path) -> None:
    file.write_text("a:\n  b:\n    c: 1\n    d: 2\n")
    tree = read_yaml(file)
    apply_override(tree, "a.b={c: 3}", {})
    assert tree.place(("a", "b", "c")) == "--set a.b={c: 3}"
    # d went away with the old section, and so did its line.
    assert tree.place(("a", "b", "d")) == "--set a.b={c: 3}"
    assert tree.place(("a",)) == f"{file}:1"


def test_another_kind_removes_the_fields_of_the_old_kind() -> None:
    tree = overridden("training.optimizer.momentum=0.5 training.optimizer.kind=adam")
    assert tree.data == {"training": {"optimizer": {"kind": "adam"}}}


def test_fields_after_another_kind_hold() -> None:
    tree = overridden("training.optimizer.kind=adam training.optimizer.beta_1=0.5")
    assert tree.data == {"training": {"optimizer": {"kind": "adam", "beta_1": 0.5}}}


def test_the_default_kind_keeps_the_fields_of_a_section_that_names_none() -> None:
    tree = overridden("training.optimizer.momentum=0.5 training.optimizer.kind=sgd")
    assert tree.data == {"training": {"optimizer": {"momentum": 0.5, "kind": "sgd"}}}


def test_a_key_called_kind_elsewhere_is_an_ordinary_key() -> None:
    assert overridden("a.b=1 a.kind=x").data == {"a": {"b": 1, "kind": "x"}}


@pytest.mark.parametrize("override", ["", "a", "=3", "a.=3", ".a=3", "a..b=3", " = "])
def test_refuses_a_malformed_override(override: str) -> None:
    with pytest.raises(RecipeError, match="not of the form KEY=VALUE") as refused:
        apply_override(SourceTree("file.yaml", {}), override, {})
    assert refused.value.received == f"--set {override}"


@pytest.mark.parametrize("override", ["a.b=1", "a.b.c=1", "list.0=1"])
def test_refuses_an_override_inside_a_value(override: str) -> None:
    inside = override.partition(".")[0]
    with pytest.raises(RecipeError, match=f"'{inside}' is a value: it has no keys") as refused:
        apply_override(SourceTree("file.yaml", {"a": 3, "list": [1, 2]}), override, {})
    assert refused.value.next_step == f"Set the whole value: --set {inside}=…"


@pytest.mark.parametrize("value", ["[1", "*x", "!!int 3", "{a: 1, a: 2}", "9" * 5000, "[" * 5000, "a: b: c", "\0"])
def test_refuses_an_override_that_is_not_yaml(value: str) -> None:
    with pytest.raises(RecipeError) as refused:
        apply_override(SourceTree("file.yaml", {}), f"a={value}", {})
    assert refused.value.what.startswith(f"--set a={value}: ")


def test_a_refused_override_changes_nothing() -> None:
    tree = SourceTree("file.yaml", {"training": {"optimizer": {"momentum": 0.5}}})
    with pytest.raises(RecipeError):
        apply_override(tree, "training.optimizer.kind=[", KINDS)
    assert tree.data == {"training": {"optimizer": {"momentum": 0.5}}}
