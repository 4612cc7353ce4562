"""The drawing: a panel a stage, a line a layer, the threshold, and a sign at what is significant."""

import re
from xml.etree import ElementTree

import numpy as np

from edgehybrid.significance.plot import curves_svg
from edgehybrid.significance.significance import LayerComponents, Significance

CURVE = np.array([0.5, 0.9, 1.0])


def layer(name: str, stage: int, is_significant: bool = False, channels: int = 3) -> LayerComponents:
    return LayerComponents(name, stage, channels, 2, 0, False, is_significant, CURVE[:channels])


def drawn(*layers: LayerComponents) -> str:
    return curves_svg(Significance("run", "a <recipe>", 10, 0.99, 2, layers, ()))


def test_a_panel_a_stage_and_a_line_a_layer() -> None:
    svg = drawn(layer("one", 1), layer("two", 1), layer("three", 2, is_significant=True))
    ElementTree.fromstring(svg.encode())
    assert re.findall(r">stage (\d)<", svg) == ["1", "2"]
    for words in ("one: 2 of 3", "two: 2 of 3", "three: 2 of 3", "a &lt;recipe&gt;"):
        assert words in svg
    # In each panel the threshold, each layer's curve and its sample in the legend.
    assert svg.count('class="line ') == 2 + 2 * 3
    # Only the significant layer has a triangle.
    assert svg.count("h-10z") == 1


def test_a_layer_of_one_channel_and_one_of_many_are_drawn() -> None:
    many = [layer(f"layer{number}", 1) for number in range(12)]
    svg = drawn(layer("narrow", 2, channels=1), *many)
    ElementTree.fromstring(svg.encode())
    assert "nan" not in svg
    styles = re.findall(r'<path class="line (s\d(?: dashed)?)"', svg)
    # Ten lines are told apart by colour and dashes.
    assert len(set(styles)) >= 10
