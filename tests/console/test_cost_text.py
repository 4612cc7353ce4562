"""What ``cost`` prints for a person."""

from pathlib import Path

import pytest
from tiny_flatbuffers import float_flatbuffer

from edgehybrid.console.cost_text import counted_text, paper_text, sensitivity_text
from edgehybrid.cost.count import Counted, count, sensitivity
from edgehybrid.cost.paper_tables import figures

MOONS = ("dram_pj=640", "weight_memory_bits=1e6", "activation_memory_bits=1e6")


def counted(*inputs: str, moons: tuple[str, ...] = ()) -> Counted:
    return count(inputs, (), None, (), None, moons, False)


def test_a_line_a_network_in_the_order_asked_for() -> None:
    names = ["xnor_res_x2", "hybrid_res_a"]
    header, *lines, last = counted_text(counted(*names), layers=False).splitlines()
    assert header.split()[:2] == ["rules", "table"]
    assert [line.split()[0] for line in lines] == names
    assert last == "Every number is modelled, none is measured."


@pytest.mark.parametrize(("moons", "shown"), [((), False), (MOONS, True)], ids=["without", "with"])
def test_the_moons_model_has_a_column_where_it_was_asked_for(moons: tuple[str, ...], shown: bool) -> None:
    text = counted_text(counted("xnor_res", moons=moons), layers=False)
    assert ("Moons µJ" in text.splitlines()[0]) == shown


def test_layers_end_in_their_total() -> None:
    found = counted("xnor_res", "hybrid_res_a")
    _, *tables = counted_text(found, layers=True).split("\n\n")
    for one, table in zip(found.inputs, tables, strict=True):
        name, _, *lines, between = table.splitlines()
        assert name == one.name
        assert between.startswith(
            f"Between the layers, counted by no rule: {one.as_dict()['elementwise_macs']:,} multiply"
        )
        assert [line.split()[0] for line in lines] == [*(cost.layer.name for cost in one.network.layers), "total"]
        assert f"{one.network.as_dict()['macs']:,}" in lines[-1].split()


def test_what_no_rule_counts_is_listed_of_flatbuffers_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.tflite").write_bytes(float_flatbuffer())
    monkeypatch.chdir(tmp_path)
    text = counted_text(counted("xnor_res", "net.tflite"), layers=False)
    said = [line for line in text.splitlines() if "counted by no rule" in line]
    assert said == ["net.tflite also has, counted by no rule: 1 RESHAPE."]


def test_the_order_under_each_variant_and_then_the_sentence() -> None:
    found = sensitivity(counted("xnor_res", "hybrid_res_a"))
    table, _, sentence = sensitivity_text(found).partition("\n\n")
    assert len(table.splitlines()) == 1 + len(found.variants)
    assert "xnor_res < hybrid_res_a" in table
    assert sentence == found.sentence()


def test_every_figure_that_differs_is_said_once_more_with_its_guess() -> None:
    printed = list(figures())
    table, _, notes = paper_text(printed).partition("\n\n")
    assert len(table.splitlines()) == 1 + len(printed)
    first, *said = notes.splitlines()
    assert first == "34 of 42 figures against full precision agree to the printed digit."
    differing = [figure for figure in printed if figure.agreement == "differs" or figure.hypothesis]
    assert [line.partition(":")[0] for line in said] == [f"{figure.recipe}, {figure.ratio}" for figure in differing]
