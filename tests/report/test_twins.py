from typing import Any

import pytest
from report_samples import HYBRID, TWIN, make_row

from edgehybrid.networks import float_twin
from edgehybrid.recipe import Recipe, load_recipe
from edgehybrid.report.origin import Entry
from edgehybrid.report.twins import compare_with_twins
from edgehybrid.results.row import LATENCIES


def pair(hybrid: dict[str, Any], twin: dict[str, Any], twin_recipe: Recipe = TWIN) -> list[Entry]:
    return [
        Entry(1, make_row(recipe="digits", **hybrid), HYBRID),
        Entry(2, make_row(recipe=twin_recipe.name, format="float32", **twin), twin_recipe),
    ]


def test_the_sentence_has_ratios_of_size_latency_energy_and_the_accuracy_difference() -> None:
    (sentence,) = compare_with_twins(
        pair(
            {"size_bytes": 100, "latency_ms_median": 5.0, "energy_model_uj": 2.0, "top1_percent": 96.0},
            {"size_bytes": 700, "latency_ms_median": 4.0, "energy_model_uj": 5.0, "top1_percent": 97.5},
        )
    )
    assert "measured size 7.00× smaller" in sentence  # 700 / 100
    assert "measured median latency 1.25× longer" in sentence  # 5 / 4
    assert "modelled energy 2.50× lower" in sentence  # 5 / 2
    assert "measured top-1 accuracy -1.50 points (96.00 % against 97.50 %)" in sentence


def test_the_sentence_names_both_rows() -> None:
    (sentence,) = compare_with_twins(pair({}, {}))
    assert sentence.startswith("#1 digits (packed) against its float twin #2 digits_float (float32) on pi4:")


def test_emulated_time_is_not_compared() -> None:
    emulated = {"emulated": True, "emulated_ms_not_latency": 50.0, **dict.fromkeys(LATENCIES)}
    (sentence,) = compare_with_twins(pair(emulated, emulated))
    assert "measured median latency not compared" in sentence


@pytest.mark.parametrize("missing", ["latency_ms_median", "energy_model_uj", "top1_percent"])
def test_a_missing_number_is_said_to_be_not_compared(missing: str) -> None:
    (sentence,) = compare_with_twins(pair({missing: None}, {}))
    assert sentence.count("not compared") == 1


def test_unequal_training_is_said() -> None:
    (sentence,) = compare_with_twins(pair({"epochs": 12}, {"epochs": 199}))
    assert "after 12 against 199 epochs" in sentence


@pytest.mark.parametrize(
    "place", [{"device": "pi5"}, {"threads": 4}, {"target": "x86_64"}, {"emulated": True, **dict.fromkeys(LATENCIES)}]
)
def test_rows_of_different_places_are_not_compared(place: dict[str, Any]) -> None:
    assert compare_with_twins(pair({}, place)) == ()


def test_an_invalid_row_is_not_compared() -> None:
    assert compare_with_twins(pair({"verdict": "invalid"}, {})) == ()


def test_a_hybrid_is_not_the_twin_of_another_hybrid() -> None:
    assert compare_with_twins(pair({}, {}, twin_recipe=HYBRID)) == ()


def test_a_float_network_of_another_width_is_no_twin() -> None:
    wider = TWIN.model_copy(update={"network": TWIN.network.model_copy(update={"width": 2.0})})
    assert compare_with_twins(pair({}, {}, twin_recipe=wider)) == ()


def test_a_twin_is_known_by_its_network_not_by_its_name() -> None:
    hybrid, twin = load_recipe("hybrid_res_a"), load_recipe("float_res")
    entries = [
        Entry(1, make_row(recipe=hybrid.name), hybrid),
        Entry(2, make_row(recipe=twin.name), twin),
    ]
    assert len(compare_with_twins(entries)) == 1


def test_plain_vgg_is_no_twin_of_the_residual_one() -> None:
    hybrid, plain = load_recipe("hybrid_vgg_a"), load_recipe("float_vgg")
    entries = [Entry(1, make_row(), hybrid), Entry(2, make_row(), plain)]
    assert compare_with_twins(entries) == ()


def test_the_place_of_the_images_and_what_only_quantised_layers_have_do_not_part_twins() -> None:
    moved = float_twin(HYBRID).model_copy(
        update={
            "data": TWIN.data.model_copy(update={"path": "elsewhere"}),
            "network": TWIN.network.model_copy(
                update={"pad_value": 0, "thresholds": "learned", "standardise_weights": True}
            ),
        }
    )
    assert len(compare_with_twins(pair({}, {}, twin_recipe=moved))) == 1


def test_only_the_newest_measurement_is_compared() -> None:
    old, twin = pair({"measured_at_utc": "2025-01-01T00:00:00Z"}, {})
    new = Entry(3, make_row(measured_at_utc="2025-01-03T00:00:00Z"), HYBRID)
    (sentence,) = compare_with_twins([old, twin, new])
    assert sentence.startswith("#3 ")
