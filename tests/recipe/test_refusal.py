"""Tests of edgehybrid/recipe/refusal.py: what a user reads about a bad recipe."""

from pathlib import Path

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.recipe import load_recipe

LINES = (
    "name: my_network",
    "description: A network of my own",
    "data:",
    "  dataset: cifar100",
    "network:",
    "  architecture: resnet20",
    "training:",
    "  epochs: 10",
    "  optimizer:",
    "    kind: adam",
    "    beta_1: 0.5",
    "  schedule:",
    "    epochs: [3, 5]",
)
# Words of pydantic and Python that say nothing to the author of a recipe.
JARGON = (
    "dictionary",
    "instance",
    "object",
    "attribute",
    "Value error",
    "discriminator",
    "tag",
    "None",
    "True",
    "False",
    "tuple",
    "Input",
    "extra",
    "pydantic",
    "string",
    "valid integer",
    "regex",
    "pattern",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "my_network.yaml"


def refusal(file: Path, *overrides: str, line: int | None = None, text: str | None = None) -> RecipeError:
    """The refusal of the good recipe above with one line replaced (counted from 1; None as text: removed)."""
    lines = list(LINES)
    if line is not None:
        lines[line - 1 : line] = [] if text is None else [text]
    file.write_text("\n".join(lines))
    with pytest.raises(RecipeError) as refused:
        load_recipe(file, overrides)
    return refused.value


def test_the_unchanged_recipe_is_good(file: Path) -> None:
    file.write_text("\n".join(LINES))
    assert load_recipe(file).training.epochs == 10


@pytest.mark.parametrize(
    ("line", "text", "key", "section", "nearest"),
    [
        (1, "nmae: x", "nmae", "the recipe", "name"),
        (4, "  datset: cifar100", "datset", "data", "dataset"),
        (6, "  architectur: vgg19", "architectur", "network", "architecture"),
        (8, "  epoch: 3", "epoch", "training", "epochs"),
        (11, "    beta1: 0.5", "beta1", "training.optimizer", "beta_1"),
        (13, "    factr: 0.5", "factr", "training.schedule", "factor"),
    ],
)
def test_names_line_section_and_nearest_key(
    file: Path, line: int, text: str, key: str, section: str, nearest: str
) -> None:
    error = refusal(file, line=line, text=text)
    assert error.what == f"{file}:{line}: unknown key '{key}' in {section}."
    assert error.next_step == f"Did you mean '{nearest}'?"


def test_lists_the_keys_of_the_chosen_kind_only(file: Path) -> None:
    # momentum belongs to sgd, and this optimizer is adam.
    error = refusal(file, line=11, text="    momentum: 0.5")
    assert error.allowed == "kind, learning_rate, beta_1, beta_2, epsilon"


def test_lists_the_keys_of_an_optional_section(file: Path) -> None:
    error = refusal(file, line=1, text="name: x\npublished: {tables: 3}")
    assert error.what == f"{file}:2: unknown key 'tables' in published."
    assert error.next_step == "Did you mean 'table'?"


def test_points_to_the_grammar_where_no_key_is_near(file: Path) -> None:
    error = refusal(file, line=8, text="  zzz: 3")
    assert error.next_step == "See recipes/README.md."


def test_names_a_missing_key(file: Path) -> None:
    error = refusal(file, line=2)
    assert error.what == f"{file}: key 'description' is missing in the recipe."
    assert error.next_step == "Add 'description:'; recipes/README.md says what it means."


def test_names_the_section_of_a_missing_key(file: Path) -> None:
    error = refusal(file, line=4, text="  path: images")
    assert error.what == f"{file}:3: key 'dataset' is missing in data."


@pytest.mark.parametrize(
    ("override", "must_be", "received"),
    [
        ("training.epochs=3.0", "a whole number", "3.0"),
        ("training.epochs=true", "a whole number", "true"),
        ("training.epochs=", "a whole number", "null"),
        ("training.epochs=ten", "a whole number", '"ten"'),
        ("training.weight_decay=small", "a number", '"small"'),
        ("training.weight_decay=1e999", "a number of ordinary size", "Infinity"),
        ("training.augmentation.horizontal_flip=yes", "true or false", '"yes"'),
        ("training.augmentation.horizontal_flip=1", "true or false", "1"),
        ("network.placement.full_precision=all", "a list", '"all"'),
        ("network.placement.full_precision={a: 1}", "a list", "a section with the keys a"),
        ("data.mean=0.5", "a list", "0.5"),
        ("description=3", "text", "3"),
        ("training=", "a section of keys", "null"),
        ("network=resnet20", "a section of keys", '"resnet20"'),
        ("training.optimizer=adam", "a section of keys", '"adam"'),
        ("training.optimizer=", "a section of keys", "null"),
        ("published=[]", "a section of keys", "[]"),
        ("name=My-Network", "lower-case letters, digits and _, in parts joined by . or /", '"My-Network"'),
        ("name=../escape", "lower-case letters, digits and _, in parts joined by . or /", '"../escape"'),
    ],
)
def test_says_what_a_value_must_be(file: Path, override: str, must_be: str, received: str) -> None:
    error = refusal(file, override)
    name = override.partition("=")[0]
    assert error.what == f"--set {override}: '{name}' must be {must_be}."
    assert error.received == received


@pytest.mark.parametrize(
    ("override", "name", "allowed"),
    [
        ("training.epochs=0", "training.epochs", "≥ 1"),
        ("training.seed=-1", "training.seed", "≥ 0"),
        ("training.seed=2147483648", "training.seed", "< 2147483648"),
        ("network.width=0", "network.width", "> 0.0"),
        ("network.width=65", "network.width", "≤ 64.0"),
        ("network.pad_value=2", "network.pad_value", "≤ 1"),
        ("network.placement.weight_bits=9", "network.placement.weight_bits", "≤ 8"),
        ("network.placement.float_fraction=1.1", "network.placement.float_fraction", "≤ 1.0"),
        ("network.placement.float_fraction=-0.1", "network.placement.float_fraction", "≥ 0.0"),
        ("data.image_side=7", "data.image_side", "≥ 8"),
        ("data.std=[0.5, 0, 0.5]", "data.std.1", "> 0.0"),
        ("training.schedule.epochs=[3, 0]", "training.schedule.epochs.1", "≥ 1"),
        ("training.optimizer.learning_rate=0", "training.optimizer.learning_rate", "> 0.0"),
        ("training.gradient_clip_norm=0", "training.gradient_clip_norm", "> 0.0"),
    ],
)
def test_says_the_range(file: Path, override: str, name: str, allowed: str) -> None:
    error = refusal(file, override)
    assert error.what == f"--set {override}: '{name}' is out of range."
    assert error.allowed == allowed


@pytest.mark.parametrize(
    ("override", "allowed", "nearest"),
    [
        ("data.dataset=cifar1000", "digits, cifar10, cifar100, imagenet2012", "cifar100"),
        ("network.architecture=resnet31", "resnet20, resnet32, vgg19, moons, ern", "resnet32"),
        ("network.placement.float_filter_input=reel", "real, sign", "real"),
        ("training.optimizer.kind=adamw", "sgd, adam, bop", "adam"),
        ("training.schedule.kind=cosin", "constant, step, linear, cosine, inverse_time", "cosine"),
    ],
)
def test_lists_the_choices_and_the_nearest(file: Path, override: str, allowed: str, nearest: str) -> None:
    error = refusal(file, override)
    name = override.partition("=")[0]
    assert error.what == f"--set {override}: '{name}' is not one of its choices."
    assert error.allowed == allowed
    assert error.next_step == f"Did you mean '{nearest}'?"


@pytest.mark.parametrize(("value", "received"), [("", "null"), ("[sgd]", '["sgd"]'), ("3", "3")])
def test_shows_a_kind_that_is_no_text(file: Path, value: str, received: str) -> None:
    assert refusal(file, f"training.optimizer.kind={value}").received == received


def test_counts_the_colour_channels(file: Path) -> None:
    error = refusal(file, "data.mean=[0.5]")
    assert error.what == (
        "--set data.mean=[0.5]: 'data.mean' needs one number for each of the 3 colour channels of cifar100, and has 1."
    )


def test_points_at_the_line_of_a_list_item(file: Path) -> None:
    assert refusal(file, line=13, text="    epochs: [3, x]").what.startswith(f"{file}:13: ")


def test_reports_an_unknown_key_before_the_key_it_hides(file: Path) -> None:
    # 'dta' makes 'data' missing, but the spelling is what to correct.
    assert "unknown key 'dta'" in refusal(file, line=3, text="dta:").what


def test_shows_the_beginning_of_a_long_value(file: Path) -> None:
    error = refusal(file, f"training.epochs={'x' * 500}")
    assert error.received == '"' + "x" * 79 + "…"


@pytest.mark.parametrize(
    "key",
    [
        "name",
        "data",
        "data.dataset",
        "data.path",
        "data.image_side",
        "data.mean",
        "network",
        "network.width",
        "network.pad_value",
        "network.residual",
        "network.placement",
        "network.placement.full_precision",
        "network.placement.float_filter_input",
        "training",
        "training.epochs",
        "training.optimizer",
        "training.optimizer.kind",
        "training.schedule",
        "training.schedule.epochs",
        "training.schedule.factor",
        "training.gradient_clip_norm",
        "published",
        "published.table",
        "unknown",
        "training.unknown.deep",
    ],
)
def test_speaks_no_python(file: Path, key: str) -> None:
    file.write_text("\n".join(LINES))
    refusals = []
    for value in ("", "3", "x", "[]", "[x]", "{}", "{x: 1}", "true", "-1", "1e999", "[[], {}]"):
        try:
            load_recipe(file, [f"{key}={value}"])
        except RecipeError as error:
            refusals.append(str(error))
    assert refusals
    assert [word for word in JARGON if word in "\n".join(refusals)] == []
