"""What an error says: its four parts, as text and as a document, its exit status, and the nearest name."""

import pytest
from processes import modules_after

from edgehybrid.errors import EdgehybridError, MissingExtraError, RecipeError, UsageError, did_you_mean


def test_the_message_has_a_line_a_part_in_order() -> None:
    error = EdgehybridError("No.", received=3, allowed="1, 2", next_step="Try 2.")
    assert str(error).splitlines() == ["No.", "  received: 3", "  allowed: 1, 2", "  next: Try 2."]


def test_a_part_that_is_not_there_has_no_line() -> None:
    assert str(EdgehybridError("No.", allowed="1, 2")) == "No.\n  allowed: 1, 2"


def test_the_document_has_all_four_parts() -> None:
    assert EdgehybridError("No.", received=0).as_dict() == {
        "what": "No.",
        "received": "0",
        "allowed": None,
        "next": None,
    }


@pytest.mark.parametrize(("kind", "status"), [(EdgehybridError, 1), (UsageError, 2), (RecipeError, 2)])
def test_wrong_usage_has_an_exit_status_of_its_own(kind: type[EdgehybridError], status: int) -> None:
    assert kind("No.").exit_code == status


def test_a_missing_extra_says_what_to_install() -> None:
    assert MissingExtraError("jinja2", "report").next_step == "pip install 'edgehybrid[report]'"


def test_suggests_the_nearest_name_only() -> None:
    assert did_you_mean("epoch", ["seed", "epochs", "epsilon"]) == "Did you mean 'epochs'?"


def test_suggests_nothing_where_no_name_is_near() -> None:
    assert did_you_mean("epoch", ["seed", "momentum"]) is None


def test_takes_names_of_any_iterable() -> None:
    assert did_you_mean("epoch", {"epochs": 199}) == did_you_mean("epoch", iter(["epochs"])) == "Did you mean 'epochs'?"


def test_importing_the_errors_imports_no_package_but_this_one() -> None:
    assert not {"click", "pydantic", "numpy", "yaml"} & modules_after("import edgehybrid.errors")
