"""What is counted of recipes and of flatbuffers: by which rules and table, in which order, and what is noted."""

from pathlib import Path

import pytest
from tiny_flatbuffers import float_flatbuffer, packed_flatbuffer

from edgehybrid.cost.count import LAYER_COLUMNS, Counted, count, is_flatbuffer, layer_rows, sensitivity, write_plot
from edgehybrid.errors import EdgehybridError, RecipeError, UsageError


def counted(
    *inputs: str, overrides: tuple[str, ...] = (), rules: str | None = None, table: str | None = None
) -> Counted:
    return count(inputs, overrides, rules, (), table, (), False)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "float.tflite").write_bytes(float_flatbuffer())
    (tmp_path / "packed.tflite").write_bytes(packed_flatbuffer())
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "answer"), [("net.tflite", True), ("runs/net.tflite", True), ("tflite", False), ("net.tflite.yaml", False)]
)
def test_the_suffix_tells_a_flatbuffer(name: str, answer: bool) -> None:
    assert is_flatbuffer(name) is answer


@pytest.mark.usefixtures("models")
def test_inputs_are_counted_in_their_order_each_by_its_own_rules() -> None:
    found = counted("float.tflite", "xnor_res", "packed.tflite").inputs
    assert [(one.name, one.rules.name) for one in found] == [
        ("float.tflite", "full"),
        ("xnor_res", "paper"),
        ("packed.tflite", "full"),
    ]
    assert ["model" in one.as_dict() for one in found] == [True, False, True]


def test_overrides_change_every_recipe() -> None:
    plain, wide = (
        counted("xnor_res", "hybrid_res_a"),
        counted("xnor_res", "hybrid_res_a", overrides=("network.width=2",)),
    )
    for before, after in zip(plain.inputs, wide.inputs, strict=True):
        assert before.name == after.name
        assert before.network.energy_uj < after.network.energy_uj


def test_a_row_for_each_layer_has_the_columns_and_adds_up() -> None:
    found = counted("xnor_res", "hybrid_res_a")
    rows = layer_rows(found.inputs)
    assert all(tuple(row) == LAYER_COLUMNS for row in rows)
    for one in found.inputs:
        energies = [row["energy_uj"] for row in rows if row["input"] == one.name]
        assert len(energies) == len(one.network.layers)
        # Sums of some twenty float64 numbers, in another order.
        assert sum(energies) == pytest.approx(one.network.energy_uj, rel=1e-12)  # type: ignore[type-var]


def test_the_table_that_was_asked_for_comes_first_and_every_other_one_follows() -> None:
    found = sensitivity(counted("xnor_res", "hybrid_res_a", table="horowitz_45nm"))
    tables = [variant.table for variant in found.variants if variant.constant is None]
    assert tables[0] == "horowitz_45nm"
    assert set(tables) == {"paper", "cortex_a7", "horowitz_45nm"}
    assert len(tables) == len(set(tables))


@pytest.mark.usefixtures("models")
def test_refuses_an_order_of_a_network_with_itself_or_by_different_rules() -> None:
    with pytest.raises(UsageError, match="named twice"):
        sensitivity(counted("xnor_res", "xnor_res"))
    with pytest.raises(UsageError, match="different rules") as refused:
        sensitivity(counted("xnor_res", "float.tflite"))
    assert refused.value.received == "xnor_res: paper, float.tflite: full"


def test_a_plot_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_plot(tmp_path / "plot.svg", counted("xnor_res"))
    assert (tmp_path / "plot.svg").read_text().rstrip().endswith("</svg>")
    with pytest.raises(EdgehybridError, match="The plot cannot be written"):
        write_plot(tmp_path / "absent" / "plot.svg", counted("xnor_res"))
    assert [path.name for path in tmp_path.iterdir()] == ["plot.svg"]


def test_one_bad_input_refuses_all() -> None:
    with pytest.raises(UsageError, match="Name a recipe or a model"):
        counted()
    with pytest.raises(RecipeError, match="no such recipe"):
        counted("xnor_res", "xnor_rex")
    with pytest.raises(EdgehybridError, match="no such model file"):
        counted("xnor_res", "absent.tflite")
