"""The drawing of training health: one panel a figure, and nothing where there is nothing to draw."""

import re

import pytest
from epoch_lines import health_of, line_of

from edgehybrid.report.health_plots import FIGURES, health_plot
from edgehybrid.runs.epoch_line import EpochLine


def line(epoch: int, value: float = 10.0, hints: tuple[str, ...] = ()) -> EpochLine:
    figures = health_of(**dict.fromkeys(FIGURES, value))
    return line_of(epoch, health={"conv2": figures, "conv3": figures}, hints=hints)


def test_a_panel_for_each_figure_names_the_layers_and_the_last_values() -> None:
    plot = health_plot("mine", [line(1), line(2, 20.5)])
    assert plot is not None
    assert len(plot.panels) == len(FIGURES)
    for panel, words in zip(plot.panels, FIGURES.values(), strict=True):
        assert words in panel.description
        assert "Epoch 2: conv2 20.5, conv3 20.5." in panel.description
        assert panel.svg.startswith("<svg")
        assert "conv3" in panel.svg


def test_the_caption_has_the_hints_of_the_last_epoch() -> None:
    plot = health_plot("mine", [line(1, hints=("Old.",)), line(2, hints=("Raise the learning rate.",))])
    assert plot is not None
    assert "Raise the learning rate." in plot.caption
    assert "Old." not in plot.caption


@pytest.mark.parametrize("epochs", [[], [line_of(1)]])
def test_no_plot_without_figures(epochs: list[EpochLine]) -> None:
    assert health_plot("mine", epochs) is None


@pytest.mark.parametrize("epochs", [1, 2, 3, 12])
def test_epochs_are_whole_numbers(epochs: int) -> None:
    plot = health_plot("mine", [line(epoch + 1, 0.0) for epoch in range(epochs)])
    assert plot is not None
    for panel in plot.panels:
        # The epochs come before the colours' scale, which begins with 0.
        numbers = re.findall(r">([\d.]+)</text>", panel.svg)
        shown = numbers[: next(i for i, number in enumerate(numbers) if float(number) == 0)]
        assert shown
        assert all(number.isdigit() for number in shown), shown


def test_equal_lines_give_equal_bytes() -> None:
    assert health_plot("mine", [line(1)]) == health_plot("mine", [line(1)])
