"""The paper's tables: every figure is there, judged as known, and every one that differs has a hypothesis."""

import pytest
from published_figures import FIGURES
from published_figures import agreement as known_agreement

from edgehybrid.cost.paper_tables import HYPOTHESES, Figure, agreement, figures

FOUND = {(figure.recipe, figure.ratio): figure for figure in figures()}
FLOAT = ("float_res", "float_vgg", "imagenet/float_vgg")


def test_all_24_rows_are_there_table_by_table() -> None:
    assert len({recipe for recipe, _ in FOUND}) == 24
    assert [figure.table for figure in FOUND.values()] == sorted(figure.table for figure in FOUND.values())


@pytest.mark.parametrize("known", FIGURES, ids=lambda figure: f"{figure.recipe}-{figure.ratio}")
def test_every_figure_is_printed_and_judged_as_known(known: object) -> None:
    recipe, ratio, published, computed, verdict = known  # type: ignore[misc]
    found = FOUND[recipe, ratio]
    assert (found.published, f"{found.computed:.4f}") == (published, computed)
    assert found.agreement == {"r": "exact", "t": "cut", "X": "differs"}[verdict]


def test_34_of_42_agree_with_the_full_precision_network() -> None:
    against_fp = [f for f in FOUND.values() if f.ratio.endswith("_fp") and f.recipe not in FLOAT]
    assert (sum(f.agreement != "differs" for f in against_fp), len(against_fp)) == (34, 42)


def test_every_difference_has_a_hypothesis() -> None:
    assert {key for key, figure in FOUND.items() if figure.agreement == "differs"} <= set(HYPOTHESES)


def test_a_hypothesis_is_about_a_difference_or_about_exception_e1() -> None:
    for key, text in HYPOTHESES.items():
        assert FOUND[key].agreement == "differs" or "E1" in text, key


def test_the_relative_error_is_that_of_the_computed_value() -> None:
    figure = Figure(4, "a", "b", "2.0", 2.1, "differs", "")
    assert figure.relative_error_percent == pytest.approx(5, rel=1e-12)  # 2.1 / 2 - 1 loses a digit


@pytest.mark.parametrize(
    ("published", "computed", "expected"),
    [
        ("18.67", 18.6727, "exact"),
        ("10.09", 10.0995, "cut"),
        ("6.45", 6.3537, "differs"),
        ("17.3", 17.26, "exact"),
        ("17.3", 17.36, "cut"),
        ("1", 1.0, "exact"),
    ],
)
def test_exact_rounds_and_cut_truncates(published: str, computed: float, expected: str) -> None:
    assert agreement(published, computed) == expected
    assert known_agreement(published, computed) == {"exact": "r", "cut": "t", "differs": "X"}[expected]
