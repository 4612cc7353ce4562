"""What every section of a recipe is: immutable and strict, with numbers that are none refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from edgehybrid.recipe import load_recipe
from edgehybrid.recipe.section import Deviations, Epochs, Fraction, Means, Names, NotNegative, Positive, Section


class Sample(Section):
    """A field of each type."""

    count: int = 1
    share: Fraction = 0.5
    rate: Positive = 1.0
    decay: NotNegative = 0.0
    names: Names = ()
    epochs: Epochs = ()
    means: Means = ()
    deviations: Deviations = ()


def test_is_frozen() -> None:
    recipe = load_recipe("hybrid_res_a")
    placement = recipe.network.placement
    for section, field in ((recipe, "name"), (recipe.training, "epochs"), (placement, "weight_bits")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(section, field, getattr(section, field))
    assert isinstance(recipe.data.mean, tuple)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", 7),
        ("share", 0),
        ("share", 1.0),
        ("rate", 1e-300),
        ("decay", 0),
        ("names", ["first", "last"]),
        ("epochs", [1, 2]),
        ("means", [-1.5, 0.0]),
        ("deviations", [0.25]),
    ],
)
def test_takes_what_a_field_is_of_and_lists_as_tuples(field: str, value: Any) -> None:
    found = getattr(Sample.model_validate({field: value}), field)
    assert found == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("unknown", 1),
        ("count", "7"),
        ("count", 7.0),
        ("count", True),
        ("share", "0.5"),
        ("share", -1e-9),
        ("share", 1 + 1e-9),
        ("rate", 0),
        ("decay", -1e-300),
        ("names", "first"),
        ("names", [1]),
        ("epochs", [0]),
        ("epochs", [1.5]),
        ("means", ["0.5"]),
        ("deviations", [0.25, 0]),
    ],
)
def test_refuses_another_key_type_or_range(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Sample.model_validate({field: value})
    assert {error["loc"][0] for error in refused.value.errors()} == {field}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("field", ["share", "rate", "decay", "means", "deviations"])
def test_refuses_numbers_that_are_not_finite(field: str, value: float) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate({field: [value] if field in ("means", "deviations") else value})
