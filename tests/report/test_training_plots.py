"""The curves of runs: what they show, when there are none, and which are left out."""

import re
from pathlib import Path

import pytest
from epoch_lines import health_of, line_of
from report_samples import HYBRID, make_run

from edgehybrid.errors import RunError
from edgehybrid.report.health_plots import FIGURES
from edgehybrid.report.origin import Entry
from edgehybrid.report.training_plots import MOST_RUNS, training_plots
from edgehybrid.runs.epoch_line import Curvature, EpochLine


def trained(runs: Path, *epochs: EpochLine, run: str | None = None, number: int = 1) -> Entry:
    row = make_run(runs, run=run)
    (runs / str(row.run) / "metrics.jsonl").write_text("".join(f"{epoch.to_json()}\n" for epoch in epochs))
    return Entry(number, row, HYBRID)


def test_a_run_has_curves_of_loss_accuracy_and_learning_rate(tmp_path: Path) -> None:
    epochs = [line_of(epoch, top1_validation_percent=45.0) for epoch in (1, 2, 3)]
    entry = trained(tmp_path, *epochs)
    (plot,), notes = training_plots([entry], tmp_path)
    assert notes == ()
    assert plot.title == entry.row.run
    assert "Epoch 3: loss 0.3333." in plot.panels[0].description
    accuracies = "Epoch 3: training images 40; validation images 45; test images 50."
    assert accuracies in plot.panels[1].description
    assert plot.panels[1].svg.count('class="line ') == 3
    assert "learning rate 0.1." in plot.panels[2].description
    assert [key.words for key in plot.legend] == ["training images", "validation images", "test images"]


def test_what_a_run_did_not_measure_has_no_curve(tmp_path: Path) -> None:
    (plot,), _ = training_plots([trained(tmp_path, line_of(1), line_of(2))], tmp_path)
    assert plot.panels[1].svg.count('class="line ') == 2
    assert [key.words for key in plot.legend] == ["training images", "test images"]


def test_one_epoch_can_be_seen(tmp_path: Path) -> None:
    (plot,), _ = training_plots([trained(tmp_path, line_of(1))], tmp_path)
    (points,) = re.findall(r'class="line s0" d="M([^"]+)"', plot.panels[0].svg)
    assert points.count("L") == 1


@pytest.mark.parametrize("epochs", [1, 2, 3, 12])
def test_epochs_are_whole_numbers(tmp_path: Path, epochs: int) -> None:
    (plot,), _ = training_plots([trained(tmp_path, *map(line_of, range(1, epochs + 1)))], tmp_path)
    shown = re.findall(r'text-anchor="middle" class="quiet">([^<]+)<', plot.panels[0].svg)
    assert shown
    assert all(number.isdigit() for number in shown), shown


def test_long_curves_are_thinned_and_keep_their_last_epoch(tmp_path: Path) -> None:
    (plot,), _ = training_plots([trained(tmp_path, *map(line_of, range(1, 1001)))], tmp_path)
    (points,) = re.findall(r'class="line s0" d="M([^"]+)"', plot.panels[0].svg)
    assert points.count("L") <= 200
    assert "Epoch 1000: loss 0.001." in plot.panels[0].description


def test_a_curve_that_few_epochs_know_keeps_all_its_points(tmp_path: Path) -> None:
    lines = [line_of(epoch, top1_percent=50.0 if epoch % 10 == 0 or epoch == 401 else None) for epoch in range(1, 402)]
    (plot,), _ = training_plots([trained(tmp_path, *lines)], tmp_path)
    (points,) = re.findall(r'class="line s1" d="M([^"]+)"', plot.panels[1].svg)
    assert points.count("L") == 40


def test_what_is_not_finite_is_left_out(tmp_path: Path) -> None:
    (plot,), _ = training_plots([trained(tmp_path, line_of(1, loss=2.0), line_of(2, loss=float("nan")))], tmp_path)
    assert "nan" not in plot.panels[0].svg
    (plot,), _ = training_plots([trained(tmp_path, line_of(1, loss=float("nan")))], tmp_path)
    assert len(plot.panels) == 2


def test_the_health_of_a_run_and_the_last_hints_are_shown(tmp_path: Path) -> None:
    health = {"conv2": health_of(**dict.fromkeys(FIGURES, 20.5))}
    epochs = (
        line_of(6, health=health, hints=("Old.",)),
        line_of(7, health=health, hints=("Raise the learning rate.",)),
    )
    (plot,), _ = training_plots([trained(tmp_path, *epochs)], tmp_path)
    assert sum("Epoch 7: conv2 20.5." in panel.description for panel in plot.panels) == len(FIGURES)
    assert "Raise the learning rate." in plot.caption
    assert "Old." not in plot.caption


def test_the_curvature_of_a_run_is_shown(tmp_path: Path) -> None:
    measured = Curvature(step=30, seconds=1.0, stable_line=20.0, sharpness=12.0)
    (plot,), _ = training_plots([trained(tmp_path, line_of(1, curvature=(measured,)))], tmp_path)
    assert "Step 30: sharpness 12; stable line 20." in plot.panels[3].description


def test_a_run_without_epochs_has_no_plot(tmp_path: Path) -> None:
    assert training_plots([Entry(1, make_run(tmp_path), HYBRID)], tmp_path) == ((), ())


def test_runs_that_are_not_drawn_are_counted(tmp_path: Path) -> None:
    names = [f"digits-20250102T030405Z-{index:06x}" for index in range(MOST_RUNS + 2)]
    entries = [trained(tmp_path, line_of(1), run=name) for name in names]
    found, notes = training_plots(entries, tmp_path)
    assert [plot.title for plot in found] == names[:MOST_RUNS]
    assert notes == ("The curves of 2 further runs are not drawn; Provenance names all runs.",)


def test_damaged_metrics_are_an_error(tmp_path: Path) -> None:
    entry = trained(tmp_path, line_of(1))
    (tmp_path / str(entry.row.run) / "metrics.jsonl").write_text("{\n")
    with pytest.raises(RunError, match="a line is damaged"):
        training_plots([entry], tmp_path)
