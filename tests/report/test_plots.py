import re
import sys
from dataclasses import replace

import pytest

from edgehybrid.errors import MissingExtraError
from edgehybrid.report.plots import Point, plots

XNOR = Point("xnor_res", "resnet20", "cifar100", 1.0, 50.2, 18.67, 17.26, published=True)
XNOR_WIDE = Point("xnor_res_x2", "resnet20", "cifar100", 2.0, 63.09, 6.45, 5.65, published=True)
MEASURED = Point("xnor_res", "resnet20", "cifar100", 1.0, 37.0, 18.6, 17.2, published=False)
VGG = Point("hybrid_vgg_a", "vgg19", "cifar100", 1.0, 62.11, 19.53, 21.78, published=True)


def svgs(points: list[Point]) -> list[str]:
    return [panel.svg for plot in plots(points) for panel in plot.panels]


def markers(svg: str) -> list[str]:
    """The fill of each marker that is drawn, in the order of drawing; axis ticks are not among them."""
    return re.findall(r'<use xlink:href="#m[^"]*" [^>]*style="fill: (#[0-9a-f]{6})', svg)


def test_equal_points_give_equal_drawings() -> None:
    points = [XNOR, XNOR_WIDE, MEASURED]
    assert svgs(points) == svgs(points)


def test_a_users_matplotlib_settings_do_not_change_the_drawing() -> None:
    import matplotlib

    before = svgs([XNOR])
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30}):
        assert svgs([XNOR]) == before


def test_drawing_leaves_the_users_matplotlib_settings_alone() -> None:
    import matplotlib

    with matplotlib.rc_context({"font.size": 30}):
        svgs([XNOR])
        assert matplotlib.rcParams["font.size"] == 30


def test_the_drawing_has_no_date_and_names_no_address_but_its_namespaces() -> None:
    for svg in svgs([XNOR, MEASURED]):
        assert "date" not in svg.lower()
        assert set(re.findall(r"https?://[^\"]+", svg)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }


def test_published_and_measured_points_of_a_network_are_told_apart_in_fill_and_legend() -> None:
    for svg in svgs([XNOR, MEASURED]):
        fills = markers(svg)
        hollow = [fill for fill in fills if fill == "#ffffff"]
        # Each of the two points is drawn twice: in the axes and in the legend.
        assert (len(hollow), len(fills) - len(hollow)) == (2, 2)
        assert "xnor_res, published" in svg
        assert "xnor_res, measured here" in svg


def test_widths_of_one_network_share_a_legend_entry() -> None:
    for svg in svgs([XNOR, XNOR_WIDE]):
        assert svg.count("xnor_res, published") == svg.count("<!-- xnor_res, published -->") + 1
        assert "xnor_res_x2" not in svg


@pytest.mark.parametrize("name", ["xnor_res", "xnor_res_x2", "xnor_res_x1.5"])
def test_the_series_of_a_network_is_its_name_without_the_width(name: str) -> None:
    assert replace(XNOR, network=name).series == "xnor_res"


def test_each_family_with_points_has_one_plot_of_two_panels() -> None:
    found = plots([XNOR, VGG, XNOR_WIDE])
    assert [plot.title for plot in found] == [
        "ResNet-20 on CIFAR-100 (Figure 3 of the paper)",
        "VGG-19 on CIFAR-100 (Figure 4 of the paper)",
    ]
    assert [len(plot.panels) for plot in found] == [2, 2]


def test_accuracies_on_different_data_share_no_axes_and_measured_ones_come_first() -> None:
    found = plots([XNOR, replace(MEASURED, dataset="digits")])
    assert [plot.title for plot in found] == [
        "ResNet-20 on digits",
        "ResNet-20 on CIFAR-100 (Figure 3 of the paper)",
    ]


def test_axes_say_unit_and_modelled() -> None:
    energy, memory = svgs([XNOR])
    assert "energy efficiency (modelled), × full precision" in energy
    assert "memory compression (modelled), × full precision" in memory
    assert "top-1 accuracy, %" in energy


def test_each_panel_draws_its_own_ratio() -> None:
    energy, memory = plots([XNOR])[0].panels
    assert "50.20 % at 18.67" in energy.description
    assert "50.20 % at 17.26" in memory.description


def test_text_of_a_point_cannot_become_markup_or_mathematics() -> None:
    for svg in svgs([replace(XNOR, network="<script>$x$")]):
        assert "<script>" not in svg
        assert "&lt;script&gt;$x$, published" in svg


def test_group_ids_do_not_clash_in_one_page() -> None:
    identifiers = [name for svg in svgs([XNOR, MEASURED, VGG]) for name in re.findall(r' id="([^"]*)"', svg)]
    assert len(identifiers) == len(set(identifiers))


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"(?s)matplotlib.*edgehybrid\[report\]"):
        plots([XNOR])
