"""A search in the report: every trained network is drawn, the front is joined, the paper's points stand beside."""

import json
from pathlib import Path
from typing import Any

import pytest

from edgehybrid.errors import UsageError
from edgehybrid.report.searches import searches


def trial(number: int, top1: float, energy: float, on_front: bool = False, state: str = "trained") -> dict[str, Any]:
    return {
        "trial": number,
        "state": state,
        "on_front": on_front,
        "top1_validation_percent": top1,
        "top1_percent": top1 - 1 if on_front else None,
        "latency_ms_median": 0.5 if on_front else None,
        "params": {"network.width": 0.5 * number, "network.placement.full_precision": ["first", "a|b"]},
        "costs": {"energy_model_uj": energy},
        "more": "than is read",
    }


def study(folder: Path, **changes: Any) -> Path:
    document = {
        "space": "small",
        "data": {"dataset": "cifar100"},
        "objectives": ["top1_validation_percent", "energy_model_uj"],
        "columns": {"energy_model_uj": "energy of one image, µJ (modelled)"},
        "published": [],
        "trials": [trial(0, 50.0, 3.0, True), trial(1, 40.0, 1.0, True), trial(2, 39.0, 2.0)],
        **changes,
    }
    path = folder / "study.json"
    path.write_text(json.dumps(document))
    return path


def test_every_trained_network_is_drawn_and_named(tmp_path: Path) -> None:
    stopped = trial(3, 10.0, 9.0, state="stopped early")
    trials = [trial(0, 50.0, 3.0, True), trial(1, 40.0, 1.0, True), trial(2, 39.0, 2.0), stopped]
    (plot,), (table,) = searches([study(tmp_path, trials=trials)])
    (panel,) = plot.panels
    assert "3 networks were trained" in plot.caption
    assert "Front: #1 40.00 % at 1; #0 50.00 % at 3." in f"{panel.description}."
    for number in range(3):
        assert f"<title>#{number}</title>" in panel.svg
    assert "#3" not in panel.svg
    # A bar parts the words of two marks.
    assert "a/b" in panel.svg
    assert [row[0] for row in table.rows] == ["#1", "#0"]
    assert table.rows[0][:5] == ("#1", "40.00", "39.00", "1", "0.500")


def test_published_networks_on_the_same_images_stand_beside(tmp_path: Path) -> None:
    paper = {"recipe": "hybrid_res_a", "top1_percent": 53.09, "costs": {"energy_model_uj": 10.5}}
    other = {"recipe": "xnor_res", "top1_percent": 50.0, "costs": {"memory_model_bits": 1.0}}
    (plot,), _ = searches([study(tmp_path, published=[paper, other])])
    assert "53.09 % at 10.5" in plot.panels[0].svg
    # It has no figure in this panel's column.
    assert "xnor_res" not in plot.panels[0].svg
    assert "published" in [key.words for key in plot.legend]
    (plot,), _ = searches([study(tmp_path)])
    assert "published" not in plot.panels[0].svg


def test_without_a_trained_network_the_panel_says_so(tmp_path: Path) -> None:
    (plot,), (table,) = searches([study(tmp_path, trials=[])])
    assert plot.panels[0].title == "No network was trained."
    assert table.rows == ()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"space": 3}', "\x00"])
def test_refuses_what_is_no_study(content: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="not a study") as refusal:
        searches([path])
    assert "study.json" in str(refusal.value)
    with pytest.raises(UsageError, match="not a study"):
        searches([tmp_path / "absent.json"])
