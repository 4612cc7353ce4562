"""What ``calibrate``, ``predict`` and ``proxy`` print for a person."""

from dataclasses import replace

import pytest
from calibration_samples import FLOAT_NS, PACKED_NS, samples, works
from report_samples import make_row

from edgehybrid.console.calibration_text import adapted_text, calibration_text, comparison_text, prediction_text
from edgehybrid.device.adapted_rows import AdaptedRows
from edgehybrid.device.calibrate import calibrate
from edgehybrid.device.calibration import Calibration
from edgehybrid.device.prediction import predict
from edgehybrid.device.proxy import compare_devices


def calibration(threads: int = 1) -> Calibration:
    """Of two kinds of network, without noise."""
    of_both = samples(works(12, 1), PACKED_NS) + samples(works(12, 2, "float32"), FLOAT_NS)
    return calibrate([replace(each, threads=threads) for each in of_both], "pi4", {})


def lines_of(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_coefficients_of_each_kind_are_printed_in_picoseconds_and_those_of_no_work_as_dashes() -> None:
    header, *kinds = lines_of(calibration_text(calibration()).partition("\n\n")[0])
    assert header[:6] == ["kind", "ps", "a", "binary", "MAC", "ps"]
    printed = {kind: figures for kind, *figures in kinds}
    assert set(printed) == {"packed", "float32"}
    # As fitted of times without noise: to the printed digits what they were made of.
    assert printed["packed"][:2] == ["1", "10"]
    assert printed["float32"][:2] == ["–", "10"]
    assert [figures[2] for figures in printed.values()] == ["–", "–"]


def test_errors_of_each_kind_follow() -> None:
    header, *kinds = lines_of(calibration_text(calibration()).partition("\n\n")[2])
    assert header[:3] == ["kind", "networks", "parts"]
    assert sorted(line[:3] for line in kinds) == [["float32", "12", "0"], ["packed", "12", "0"]]


@pytest.mark.parametrize(("threads", "words"), [(1, "1 thread;"), (2, "2 threads;")])
def test_a_prediction_says_that_nothing_was_measured(threads: int, words: str) -> None:
    found = calibration(threads)
    rows = [predict(found, works(12, 1)[number], f"net{number}") for number in (0, 1)]
    *table, last = prediction_text(rows, found).splitlines()
    assert last == f"modelled for pi4, {words} not measured"
    assert [line.split()[:2] for line in table[1:]] == [["net0", "packed"], ["net1", "packed"]]
    for line, row in zip(table[1:], rows, strict=True):
        assert f"{row.latency_ms_low:.3g} … {row.latency_ms_high:.3g}" in line


def test_a_comparison_says_whether_the_order_carries_over() -> None:
    times = {"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 4.0, 6.0, 8.0], "z": [4.0, 3.0, 2.0, 1.0]}
    rows = [
        make_row(device=device, recipe_sha256=str(number) * 64, latency_ms_median=ms)
        for device, all_ms in times.items()
        for number, ms in enumerate(all_ms)
    ]
    table = lines_of(comparison_text(compare_devices(rows)))
    answers = {tuple(line[:3]): line for line in table[1:]}
    assert "1.000" in answers["x", "y", "all"]
    assert "yes" in answers["x", "y", "all"]
    assert "-1.000" in answers["x", "z", "all"]
    assert "no" in answers["x", "z", "all"]


def test_what_two_networks_cannot_tell_is_a_dash() -> None:
    rows = [
        make_row(device=device, recipe_sha256=number * 64, latency_ms_median=float(number), top1_percent=None)
        for device in ("x", "y")
        for number in "12"
    ]
    assert lines_of(comparison_text(compare_devices(rows)))[1] == ["x", "y", "all", "2", "–", "–", "no", "–", "–"]


def test_what_was_learned_of_a_device_and_what_that_says_of_each_network() -> None:
    predicted = ((make_row(recipe="new", format="int8", threads=4), 12.345), (make_row(recipe=None), 0.5))
    text = adapted_text(AdaptedRows("desktop", "board", 6, None, 0.95, predicted))
    first, header, *rows = text.splitlines()
    assert first == "6 networks on both; rank correlation unknown, adapted 0.950 (each left out once)"
    assert "ms on board, predicted" in header
    assert [line.split() for line in rows] == [
        ["new", "int8", "4", "12.3"],
        ["model.packed.aarch64.tflite", "packed", "1", "0.5"],
    ]
