"""The drawing of training health: one panel a figure, and nothing where there is nothing to draw."""

import base64
import io
import re

import numpy as np
import pytest
from epoch_lines import health_of, line_of
from PIL import Image

from edgehybrid.report.health_plots import FIGURES, health_panels
from edgehybrid.runs.epoch_line import EpochLine


def line(epoch: int, value: float = 10.0) -> EpochLine:
    figures = health_of(**dict.fromkeys(FIGURES, value))
    return line_of(epoch, health={"conv2": figures, "conv3": figures})


def pixels(svg: str) -> np.ndarray:
    data = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)[0]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def test_a_panel_for_each_figure_names_the_layers_and_the_last_values() -> None:
    panels = health_panels("mine", [line(1), line(2, 20.5)])
    for panel, words in zip(panels, FIGURES.values(), strict=True):
        assert words in panel.description
        assert "Epoch 2: conv2 20.5, conv3 20.5." in panel.description
        assert "conv3" in panel.svg


def test_a_pixel_is_a_layer_in_an_epoch_from_dark_to_light() -> None:
    flips = health_panels("mine", [line(1, 0.0), line(2, 50.0), line(3, 100.0)])[0]
    found = pixels(flips.svg)
    assert found.shape == (2, 3, 3)
    assert found[0].tolist() == [[68, 1, 84], [33, 145, 140], [253, 231, 37]]


def test_what_is_not_finite_is_grey() -> None:
    drift = health_panels("mine", [line(1, 10.0), line(2, float("inf"))])[0]
    assert pixels(drift.svg)[0, 1].tolist() == [128, 128, 128]


@pytest.mark.parametrize("epochs", [[], [line_of(1)]])
def test_no_panel_without_figures(epochs: list[EpochLine]) -> None:
    assert health_panels("mine", epochs) == ()


def test_a_layer_named_as_markup_does_not_inject() -> None:
    epoch = line_of(1, health={"<script>": health_of()})
    assert all("<script>" not in panel.svg for panel in health_panels("mine", [epoch]))
