"""What a person reads of the significance of layers."""

import numpy as np

from edgehybrid.console.significance_text import significance_text
from edgehybrid.significance.significance import LayerComponents, Significance


def layer(name: str, components: int, rise: int | None, is_wider: bool, is_significant: bool) -> LayerComponents:
    return LayerComponents(name, 1, 16, components, rise, is_wider, is_significant, np.ones(16))


def test_a_line_a_layer_and_the_rule() -> None:
    layers = (
        layer("a", 8, None, False, False),
        layer("b", 12, 4, False, True),
        layer("c", 14, 2, True, True),
        layer("d", 13, -1, False, False),
    )
    lines = significance_text(Significance("run", "recipe", 64, 0.99, 2, layers, ())).splitlines()
    assert lines[1].split() == ["a", "16", "8", "50.0", "–"]
    assert lines[2].split() == ["b", "16", "12", "75.0", "+4", "significant"]
    assert lines[3].endswith("significant, but wider than the one before")
    assert lines[4].split()[-1] == "-1"
    assert lines[-1] == "Significant, because P rises by 2 or more: b, c"


def test_none_is_said() -> None:
    text = significance_text(Significance("run", "recipe", 64, 0.99, 3, (layer("a", 8, None, False, False),), ()))
    assert text.endswith("by 3 or more: none")
