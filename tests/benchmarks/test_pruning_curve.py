"""benchmarks/pruning_curve.py: rows of a small run, and their drawing."""

import re
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pruning_curve
import pytest
from pruning_curve import Row, curve_svg, evenness, measure, rank_correlation, read_rows, retraining
from tiny_runs import random_run, tiny_recipe

from edgehybrid.runs.run_folder import RunFolder

PLAIN = (
    "network.shortcut=none",
    "network.placement.full_precision=[first, last, stage1, stage3]",
    "training.optimizer.learning_rate=0.1",
)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning_curve, "SHARES", (0.5,))
    monkeypatch.setattr(pruning_curve, "SEEDS", (0, 1))
    monkeypatch.setattr(pruning_curve, "IMAGES", 8)


def test_retraining_is_one_slow_epoch() -> None:
    recipe = tiny_recipe(*PLAIN)
    found = retraining(recipe)
    assert (found.training.epochs, found.training.optimizer.learning_rate) == (1, pytest.approx(0.01))
    assert found.network == recipe.network


@pytest.mark.usefixtures("few")
def test_every_method_keeps_the_share_and_one_draw_is_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[RunFolder] = []

    def resume(run: RunFolder, *_: object) -> SimpleNamespace:
        trained.append(run)
        return SimpleNamespace(top1_percent=float(len(trained)))

    # tests/pruning/test_prune.py trains such runs on, which takes long.
    monkeypatch.setattr(pruning_curve, "resume", resume)
    run = random_run(tmp_path, tiny_recipe(*PLAIN))
    rows = measure(run, tmp_path / "scratch", tmp_path)
    assert [(row.method, row.seed) for row in rows] == [
        ("unpruned", None),
        ("sensitivity", None),
        ("uniform_largest", None),
        ("uniform", 0),
        ("uniform", 1),
    ]
    # What explains the difference comes last.
    assert [row.top1_retrained_percent for row in rows] == [3, 1, 4, 2, None]
    assert [run.recipe.training.epochs for run in trained] == [1] * 4
    assert rows[0].weights_share == 1
    assert all(row.weights_share <= 0.5 and row.macs < rows[0].macs for row in rows[1:])
    # The same numbers of filters, whichever they are.
    assert len({row.weights for row in rows[2:]}) == 1
    assert (tmp_path / "curve.svg").read_text() == curve_svg(rows)
    assert read_rows(tmp_path / "curve.csv") == rows
    # Called again, it has nothing left to do.
    assert measure(run, tmp_path / "scratch", tmp_path) == rows
    assert len(trained) == 4
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 1 + len(rows)


def test_a_line_a_method_and_a_ring_a_further_draw() -> None:
    whole = Row("unpruned", 1.0, None, 100, 1.0, 10, 1.0, 40.0, 41.0)
    half = [
        Row("sensitivity", 0.5, None, 50, 0.5, 5, 0.5, 30.0, 39.0),
        Row("uniform", 0.5, 0, 50, 0.5, 5, 0.5, 20.0, 38.0),
        Row("uniform", 0.5, 1, 50, 0.5, 5, 0.5, 21.0),
    ]
    svg = curve_svg([whole, *half])
    ElementTree.fromstring(svg.encode())
    assert "nan" not in svg
    # In each of two panels, two lines for each of the two methods that have points, and for the third their common end.
    assert len(re.findall(r'class="line s[012](?: dashed)?" d="[^"L]*L[^"L]*"', svg)) == 2 * 2 * 2
    # One further draw in each, and its sample in the legend.
    assert svg.count('class="s5 hollow"') == 3


@pytest.mark.usefixtures("few")
def test_a_row_of_scores_for_each_layer_says_what_its_reader_sees(tmp_path: Path) -> None:
    rows = evenness(random_run(tmp_path, tiny_recipe(*PLAIN)))
    of_signs = [row for row in rows if row["reader_activation_bits"] == 1]
    assert [row["layer"] for row in of_signs] == ["stage1_block3_conv2"]
    assert all(0 < float(str(row["evenness_percent"])) <= 100 for row in rows)


def test_sets_of_images_that_order_filters_alike_oppositely_or_not_at_all() -> None:
    rising = np.array([0.1, 0.2, 0.5, 0.9])
    assert rank_correlation(rising, rising**2) == 1
    assert rank_correlation(rising, -rising) == -1
    assert rank_correlation(rising, np.full(4, 0.3)) is None
