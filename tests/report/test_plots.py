import re
from dataclasses import replace
from typing import get_args

from edgehybrid.networks.architectures import ARCHITECTURES
from edgehybrid.recipe import Data
from edgehybrid.report.plots import DATASETS, FAMILIES, MOST_PLACES, plots
from edgehybrid.report.points import PUBLISHED, Point

XNOR = Point("xnor_res", "resnet20", "cifar100", PUBLISHED, 50.2, 18.67, 17.26)
XNOR_WIDE = replace(XNOR, network="xnor_res_x2", top1_percent=63.09, energy_efficiency_fp=6.45)
MEASURED = Point("xnor_res", "resnet20", "cifar100", "packed", 37.0, 18.6, 17.2, 60.0, 2.5, "pi4, 1 thread")
FLOAT = replace(MEASURED, network="float_res", format="float32", top1_percent=66.0, size_kib=1000.0, latency_ms=9.0)
VGG = Point("hybrid_vgg_a", "vgg19", "cifar100", PUBLISHED, 62.11, 19.53, 21.78)


def svgs(*points: Point) -> list[str]:
    return [panel.svg for plot in plots(points) for panel in plot.panels]


def titles(svg: str) -> list[str]:
    """What the marks show on hovering."""
    found = re.findall('data-words="([^"]*)" d="[^"]*"><title>(.*?)</title>', svg)
    return [f"{name}: {words}" for together, name in found for words in together.split("|")]


def test_equal_points_give_equal_drawings() -> None:
    assert svgs(XNOR, MEASURED) == svgs(XNOR, MEASURED)


def test_axes_say_quantity_unit_and_whether_it_is_measured() -> None:
    energy, memory, size, latency = svgs(MEASURED)
    assert "energy efficiency, × full precision (modelled)" in energy
    assert "memory compression, × full precision (modelled)" in memory
    assert "size of the flatbuffer, KiB (measured)" in size
    assert "latency on pi4, 1 thread, ms (measured)" in latency
    assert all("top-1 accuracy, %" in svg for svg in (energy, memory, size, latency))


def test_each_panel_draws_its_own_quantity() -> None:
    values = [titles(svg)[0].rpartition(" at ")[2] for svg in svgs(MEASURED)]
    assert values == ["18.6", "17.2", "60", "2.5"]


def test_published_points_are_hollow_and_only_where_something_was_published() -> None:
    energy, memory, size, latency = svgs(XNOR, MEASURED)
    for svg in (energy, memory):
        assert svg.count('class="s5 hollow"') == 1
        assert len(titles(svg)) == 2
    assert not any(PUBLISHED in title for svg in (size, latency) for title in titles(svg))


def test_the_legend_tells_published_and_formats_apart() -> None:
    (plot,) = plots([XNOR, MEASURED, FLOAT])
    assert [key.words for key in plot.legend] == ["packed, measured here", "float32, measured here", "published"]
    assert len({key.svg for key in plot.legend}) == 3


def test_fronts_of_ours_and_of_the_published_are_drawn_apart() -> None:
    beaten = replace(MEASURED, network="worse", top1_percent=30.0, energy_efficiency_fp=10.0)
    energy = plots([XNOR, XNOR_WIDE, MEASURED, FLOAT, beaten])[0].panels[0]
    assert energy.svg.count('class="line s5 dashed"') == energy.svg.count('class="line s0"') == 1
    assert "Front of ours: float_res 66.00 % at 18.6." in energy.description
    assert "Front of the published: xnor_res_x2 63.09 % at 6.45; xnor_res 50.20 % at 18.67." in energy.description
    assert "3 points of ours, 2 published" in energy.description


def test_less_latency_and_size_are_better() -> None:
    *_, size, latency = plots([MEASURED, FLOAT, replace(FLOAT, network="slow", latency_ms=12.0, size_kib=2000.0)])[
        0
    ].panels
    assert "Front of ours: xnor_res 37.00 % at 2.5; float_res 66.00 % at 9." in latency.description
    assert "Front of ours: xnor_res 37.00 % at 60; float_res 66.00 % at 1000." in size.description


def test_latencies_of_two_devices_share_no_axes() -> None:
    panels = plots([MEASURED, replace(MEASURED, place="pi5, 1 thread", latency_ms=1.0)])[0].panels
    assert ["1 points of ours" in panel.description for panel in panels[-2:]] == [True, True]
    # One network is one point where the device does not matter.
    assert "1 points of ours" in panels[0].description


def test_devices_that_are_not_drawn_are_named() -> None:
    places = [f"board{index}, 1 thread" for index in range(MOST_PLACES + 2)]
    (plot,) = plots([replace(MEASURED, place=place) for place in places])
    assert len(plot.panels) == 3 + MOST_PLACES
    assert "2 further devices are in the table alone: board6, 1 thread; board7, 1 thread." in plot.caption


def test_accuracies_on_different_data_share_no_axes_and_measured_ones_come_first() -> None:
    found = plots([XNOR, VGG, replace(MEASURED, dataset="digits")])
    assert [plot.title for plot in found] == [
        "ResNet-20 on digits",
        "ResNet-20 on CIFAR-100 (Figure 3 of the paper)",
        "VGG-19 on CIFAR-100 (Figure 4 of the paper)",
    ]
    assert "No row was measured" in found[1].caption


def test_an_accuracy_of_100_percent_stays_on_the_axis() -> None:
    (svg, *_) = svgs(replace(MEASURED, top1_percent=100.0))
    assert ">105<" not in svg


def test_text_of_a_point_cannot_become_markup() -> None:
    for svg in svgs(replace(MEASURED, network="<script>", place="<b>, 1 thread")):
        assert "<script>" not in svg
        assert "<b>" not in svg


def test_every_architecture_and_data_set_has_a_name() -> None:
    # What recipes may hold: a row of any of them is drawn.
    assert FAMILIES.keys() == ARCHITECTURES.keys()
    assert set(DATASETS) == set(get_args(Data.model_fields["dataset"].annotation))
    for family in FAMILIES:
        for dataset in DATASETS:
            (plot,) = plots([replace(MEASURED, family=family, dataset=dataset)])
            assert plot.title.startswith(f"{FAMILIES[family]} on {DATASETS[dataset]}")
