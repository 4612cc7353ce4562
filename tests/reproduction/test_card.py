"""The card: means, gaps, order, and what is named beside them."""

import pytest
from training_records import record_for, training_of

from edgehybrid.reproduction.card import card, order_notes, rows_of


def test_seeds_of_one_training_are_one_row() -> None:
    records = [record_for(training_of("hybrid_res_a", 5, 30, seed), top1) for seed, top1 in enumerate((50, 51, 53))]
    (row,) = rows_of(reversed(records))
    assert row.seeds == (2, 3, 4)
    assert row.top1_percent == 51.33
    # Of a sample: the root of (1.33² + 0.33² + 1.67²) / 2.
    assert row.top1_deviation_points == 1.53
    assert row.gap_points == pytest.approx(51.33 - 53.09)
    assert row.top1_selected_percent is None
    assert "| hybrid_res_a | – | 30 of 199 | 3 | 53.09 | 51.33 | 1.53 | -1.76 |" in card(records)


def test_another_length_or_setting_is_another_row() -> None:
    records = [
        record_for(training_of("hybrid_res_a", 5, 30)),
        record_for(training_of("hybrid_res_a", 5)),
        record_for(training_of("hybrid_res_a", 5, 30, sets=("training.precision=bfloat16",))),
    ]
    rows = rows_of(records)
    assert [(row.epochs, row.changes) for row in rows] == [
        (30, ()),
        (30, ("training.precision=bfloat16",)),
        (199, ()),
    ]
    assert [row.top1_deviation_points for row in rows] == [None] * 3
    assert "| hybrid_res_a | – | 199 | 1 |" in card(records)


def test_validation_images_give_a_second_figure() -> None:
    one = record_for(training_of("hybrid_res_a", 5, 30), top1_selected_percent=49.5, epoch_selected=1)
    assert rows_of([one])[0].top1_selected_percent == 49.5
    assert "| 49.50 |" in card([one])


def test_networks_stand_in_every_table_that_prints_them() -> None:
    text = card([record_for(training_of("xnor_res", 4, 30)), record_for(training_of("hybrid_res_a", 5, 30))])
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Table 3",
        "## Table 4",
        "## Table 5",
        "## What the paper leaves open",
    ]


def test_the_published_order_is_confirmed_or_not() -> None:
    made = {"hybrid_res_c": 50.0, "hybrid_res_a": 49.0, "hybrid_res_b": 60.0}
    rows = rows_of(record_for(training_of(name, 5, 30), top1) for name, top1 in made.items())
    assert order_notes(rows) == [
        "3 networks of 30 epochs come in the published order, but for hybrid_res_c above hybrid_res_a."
    ]
    assert order_notes(rows[1:]) == ["2 networks of 30 epochs come in the published order, without exception."]
    assert order_notes(rows[:1]) == []


def test_networks_of_different_lengths_are_not_set_in_order() -> None:
    rows = rows_of([record_for(training_of("hybrid_res_a", 5, 30)), record_for(training_of("hybrid_res_b", 5, 31))])
    assert order_notes(rows) == []


def test_the_card_names_what_the_paper_leaves_open() -> None:
    assert "- Hybrid-Res B: the paper does not say" in card([record_for(training_of("hybrid_res_b", 5, 30))])
    assert "Hybrid-Res B:" not in card([record_for(training_of("hybrid_res_a", 5, 30))])


def test_no_training_is_no_table() -> None:
    assert "Nothing is trained yet." in card([])
