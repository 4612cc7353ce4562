"""The installed command ``cost``: every option, every refusal, no TensorFlow."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from processes import call, modules_after_command, refuse
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, packed_flatbuffer, tflite_bytes
from tiny_layers import Writer

from edgehybrid.recipe import load_recipe, recipe_names
from edgehybrid.runs.run_folder import RunFolder

TABLE = """
description: a test
constants:
  access: {value: 80, unit: pJ, bits: 32, technology_nm: 10, source: somebody}
  mac: {value: 3.25, unit: pJ, bits: 32, technology_nm: 10, source: somebody}
operations: {memory_access: [access], float_mac: [mac], integer_mac: [mac]}
"""
MOONS = ["--moons", "dram_pj=640", "--moons", "weight_memory_bits=1e6", "--moons", "activation_memory_bits=1e6"]


def output(arguments: list[str], folder: Path) -> str:
    done = call(["cost", *arguments], folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def document(arguments: list[str], folder: Path) -> dict[str, object]:
    found = json.loads(output([*arguments, "--json"], folder))
    assert isinstance(found, dict)
    return found


@pytest.fixture
def unknown(tmp_path: Path) -> str:
    """A model with one layer, and an operator whose work is not known."""
    writer = Writer()
    real = writer.value((1, 8, 8, 2))
    output_map = writer.conv(writer.op("edgetpu-custom-op", [real], (1, 8, 8, 2)), 4, 3, 8)
    (tmp_path / "unknown.tflite").write_bytes(writer.bytes(real, output_map))
    return "unknown.tflite"


@pytest.fixture
def weightless(tmp_path: Path) -> str:
    """A model without layers."""
    tensors = [TinyTensor("a", (1, 4)), TinyTensor("b", (1, 4))]
    (tmp_path / "weightless.tflite").write_bytes(tflite_bytes(tensors, [TinyOp("LEAKY_RELU", [0], [1])], [0], [1]))
    return "weightless.tflite"


# What is counted.


@pytest.mark.parametrize(
    ("arguments", "rules", "table"),
    [
        ([], "paper", "paper"),
        (["--table", "paper"], "paper", "paper"),
        (["--table", "cortex_a7"], "full", "cortex_a7"),
        (["--table", "horowitz_45nm", "--rules", "paper"], "paper", "horowitz_45nm"),
        (["--rules", "full"], "full", "paper"),
        (["--rule", "alpha_macs=free"], "paper, alpha_macs=free", "paper"),
        (["--table", "mine.yaml"], "full", "mine"),
    ],
    ids=" ".join,
)
def test_rows_carry_rules_and_table(arguments: list[str], rules: str, table: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TABLE)
    found = document(["hybrid_res_a", *arguments], tmp_path)
    assert (found["rules"], found["table"]) == (rules, table)
    assert f"{rules}  " in output(["hybrid_res_a", *arguments], tmp_path)


def test_a_file_of_the_papers_name_is_not_the_papers_table(tmp_path: Path) -> None:
    (tmp_path / "paper.yaml").write_text(TABLE)
    assert document(["xnor_res", "--table", "paper.yaml"], tmp_path)["rules"] == "full"


def test_a_model_needs_no_sidecar(tmp_path: Path) -> None:
    (tmp_path / "foreign.tflite").write_bytes(float_flatbuffer())
    found = document(["foreign.tflite"], tmp_path)
    assert (found["model"], found["rules"], found["recipe"], found["macs"]) == ("foreign.tflite", "full", None, 900)
    assert found["energy_efficiency_fp"] is None
    assert "foreign.tflite also has, counted by no rule: 1 RESHAPE." in output(["foreign.tflite"], tmp_path)


def test_a_model_with_its_sidecar_is_compared_with_its_recipe(converted_run: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(converted_run.path, tmp_path / "run")
    model = "run/model.packed.x86_64.tflite"
    found, recipe = document([model], tmp_path), document(["run/recipe.yaml", "--rules", "full"], tmp_path)
    assert (found["model"], found["recipe"]) == (model, "digits")
    for key in ("energy_uj", "memory_bits", "macs", "energy_efficiency_fp", "memory_compression_xnor", "layers"):
        assert found[key] == recipe[key], key
    assert document([model, "--rules", "paper"], tmp_path)["rules"] == "paper"


def test_several_inputs_give_results_in_order(tmp_path: Path) -> None:
    (tmp_path / "foreign.tflite").write_bytes(packed_flatbuffer())
    results = document(["xnor_res", "foreign.tflite"], tmp_path)["results"]
    assert [row.get("model", row["recipe"]) for row in results] == ["xnor_res", "foreign.tflite"]  # type: ignore[attr-defined]


def test_counts_a_network_that_cannot_be_trained_like_this(tmp_path: Path) -> None:
    assert call(["cost", "digits", "--set", "network.placement.full_precision=[last]"], tmp_path).returncode == 0


def test_cost_of_all_published_recipes_in_one_call(tmp_path: Path) -> None:
    published = [name for name in recipe_names() if load_recipe(name).published]
    done = call(["cost", *published, "--json"], tmp_path)
    rows = json.loads(done.stdout)["results"]
    assert len(published) == 24
    assert [row["recipe"] for row in rows] == published
    assert all(row["energy_uj"] > 0 and row["memory_bits"] > 0 for row in rows)


def test_layers_are_printed_on_request(tmp_path: Path) -> None:
    assert "stage3_block3_conv2" not in output(["xnor_res"], tmp_path)
    text = output(["xnor_res", "--layers"], tmp_path)
    assert "stage3_block3_conv2" in text
    # Kind, widths and filters have no sum.
    total, between = text.splitlines()[-2:]
    assert total.split()[:6] == ["total", "–", "–", "–", "–", "40,818,944"]
    assert between.startswith("Between the layers, counted by no rule: ")


def test_csv_has_a_line_a_network_and_the_keys_of_json(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(output(["xnor_res", "hybrid_res_a", "--csv"], tmp_path))))
    results = document(["xnor_res", "hybrid_res_a"], tmp_path)["results"]
    for row, found in zip(rows, results, strict=True):  # type: ignore[call-overload]
        assert list(row) == [key for key in found if key != "layers"]
        assert (row["recipe"], float(row["energy_uj"])) == (found["recipe"], found["energy_uj"])


def test_csv_of_layers_has_a_line_a_layer(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(output(["xnor_res", "--csv", "--layers"], tmp_path))))
    assert len(rows) == 22
    assert (rows[0]["input"], rows[0]["rules"], rows[0]["name"]) == ("xnor_res", "paper", "conv1")


def test_csv_of_a_flatbuffer_without_layers_is_a_header(weightless: str, tmp_path: Path) -> None:
    done = call(["cost", weightless, "--csv", "--layers"], tmp_path)
    assert done.stdout == output(["xnor_res", "--csv", "--layers"], tmp_path).splitlines()[0] + "\n"


def test_sensitivity_ends_in_one_sentence(tmp_path: Path) -> None:
    text = output(["--sensitivity", "xnor_res", "hybrid_res_a", "hybrid_res_b"], tmp_path)
    assert text.splitlines()[-1].startswith("The order by energy, xnor_res < hybrid_res_a < hybrid_res_b, is the same")
    found = document(["--sensitivity", "hybrid_res_c", "xnor_res_x2"], tmp_path)
    assert found["order"] == ["hybrid_res_c", "xnor_res_x2"]
    # Three tables: 3, 5 and 3 constants, each twice.
    assert len(found["variants"]) == 3 + 2 * (3 + 5 + 3)  # type: ignore[arg-type]


def test_sensitivity_takes_a_table_of_ones_own_too(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(TABLE)
    found = document(["--sensitivity", "xnor_res", "hybrid_res_b", "--table", "mine.yaml"], tmp_path)
    assert {v["table"] for v in found["variants"]} == {"mine", "paper", "cortex_a7", "horowitz_45nm"}  # type: ignore[attr-defined]


def test_paper_tables_print_every_figure_and_hypothesis(tmp_path: Path) -> None:
    text = output(["--paper-tables"], tmp_path)
    assert "34 of 42 figures against full precision agree to the printed digit." in text
    assert "exception E1" in text
    results = document(["--paper-tables"], tmp_path)["results"]
    assert len({row["recipe"] for row in results}) == 24  # type: ignore[attr-defined]
    assert output(["--paper-tables", "--csv"], tmp_path).startswith("table,recipe,ratio,published,computed,")


def test_plot_writes_an_svg_once(tmp_path: Path) -> None:
    output(["hybrid_res_a", "--plot", "out.svg"], tmp_path)
    first = (tmp_path / "out.svg").read_text()
    assert first.startswith("<?xml")
    refuse(["cost", "hybrid_res_a", "--plot", "out.svg"], tmp_path, 1, "The plot exists already", "--overwrite")
    output(["xnor_res", "--plot", "out.svg", "--overwrite"], tmp_path)
    assert (tmp_path / "out.svg").read_text() != first


def test_the_moons_model_adds_its_energy(tmp_path: Path) -> None:
    plain, found = document(["xnor_res"], tmp_path), document(["xnor_res", *MOONS], tmp_path)
    parts = [found[f"moons_{part}_uj"] for part in ("compute", "weight", "activation", "dram")]
    assert found["moons_energy_uj"] == pytest.approx(sum(parts), rel=1e-14)  # type: ignore[arg-type]
    assert {key: found[key] for key in plain} == plain
    assert "Moons µJ" in output(["xnor_res", *MOONS], tmp_path)


def test_all_published_recipes_in_one_call_without_numpy_or_tensorflow(tmp_path: Path) -> None:
    published = [name for name in recipe_names() if load_recipe(name).published]
    loaded = modules_after_command(["cost", *published], tmp_path)
    assert not {"tensorflow", "larq", "numpy", "matplotlib"} & loaded


def test_a_model_with_a_sidecar_loads_no_tensorflow(converted_run: RunFolder, tmp_path: Path) -> None:
    model = str(converted_run.path / "model.packed.x86_64.tflite")
    loaded = modules_after_command(["cost", model], tmp_path)
    assert not {"tensorflow", "tf_keras", "larq"} & loaded


# What is refused.


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["Name a recipe or a model", "edgehybrid cost hybrid_res_a"]),
        (["digits", "--table", "papper"], ["no energy table of that name", "Did you mean 'paper'?"]),
        (["digits", "--table", "absent.yaml"], ["cannot be read"]),
        (["digits", "--rules", "ful"], ["no cost rules of that name", "Did you mean 'full'?"]),
        (["digits", "--rule", "alpha_mac=free"], ["no cost rule of that name", "Did you mean 'alpha_macs'?"]),
        (["digits", "--rule", "alpha_macs=yes"], ["'alpha_macs' has no such choice", "counted, free"]),
        (["digits", "--moons", "dram_pj=640"], ["needs the constant 'weight_memory_bits'"]),
        (["digits", "--moons", "dram=640"], ["no constant of that name", "dram_pj"]),
        (["digits", *MOONS, "--moons", "mac_pj=-3.7"], ["'mac_pj' of the Moons model is out of range"]),
        (["digits", "--csv", "--json"], []),
        (["--sensitivity", "digits"], ["two networks at least"]),
        (["--sensitivity", "digits", "digits"], ["named twice"]),
        (["--paper-tables", "digits"], ["nothing else"]),
        (["--paper-tables", "--plot", "out.svg"], ["nothing else"]),
        (["--paper-tables", "--allow-uncounted"], ["nothing else"]),
        (["digits", "--overwrite"], ["--overwrite replaces a plot"]),
        (["digits", "--allow-uncounted"], ["--allow-uncounted is for flatbuffers"]),
        (["absent.tflite", "--set", "nonsense.key=7"], ["--set changes recipes, and none is counted"]),
        (["--sensitivity", "digits", "xnor_res", *MOONS], ["nothing of the Moons model"]),
        (["--sensitivity", "digits", "xnor_res", "--csv"], ["no CSV"]),
        (
            ["xnor_res", "--table", "horowitz_45nm", "--rule", "binary_mac=stated"],
            ["Layer 'stage1_block1_conv1'", "'horowitz_45nm' has no constant for binary_mac of 1 bits"],
        ),
    ],
    ids=" ".join,
)
def test_refuses_wrong_usage(arguments: list[str], parts: list[str], tmp_path: Path) -> None:
    done = call(["cost", *arguments], tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("Error: ") == 1
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("value: 80", "value: -80", ["mine.yaml:4", "'constants.access.value' is out of range", "> 0.0"]),
        ("unit: pJ", "unit: pj", ["mine.yaml:4", "'constants.access.unit' is not one of its choices", "fJ, pJ, nJ"]),
        ("value: 80, ", "", ["mine.yaml:4", "either a 'value' or a 'range'"]),
        ("  mac:", "  macc:", ["mine.yaml:6", "the constant 'mac' is missing", "it has access, macc"]),
        (", integer_mac: [mac]", "", ["Layer 'stage1_block1_conv1'", "no constant for integer_mac of 1 bits"]),
        (", float_mac: [mac]", "", ["Layer 'conv1'", "no constant for float_mac of 32 bits"]),
    ],
)
def test_refuses_a_wrong_table(old: str, new: str, parts: list[str], tmp_path: Path) -> None:
    assert old in TABLE
    (tmp_path / "mine.yaml").write_text(TABLE.replace(old, new, 1))
    refuse(["cost", "xnor_res", "--table", "mine.yaml"], tmp_path, 2, *parts)


def test_refuses_an_operator_that_is_not_counted_unless_it_is_allowed(unknown: str, tmp_path: Path) -> None:
    refuse(["cost", unknown], tmp_path, 1, "operators that are not counted", "1 edgetpu-custom-op", "--allow-uncounted")
    done = call(["cost", unknown, "--allow-uncounted", "--json"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "Note: unknown.tflite: not counted: 1 edgetpu-custom-op.\n")
    assert json.loads(done.stdout)["uncounted_ops"] == {"edgetpu-custom-op": 1}


def test_a_file_without_weights_costs_nothing_and_says_so(weightless: str, tmp_path: Path) -> None:
    done = call(["cost", weightless, "--json"], tmp_path)
    found = json.loads(done.stdout)
    assert (done.returncode, found["energy_uj"], found["macs"]) == (0, 0, 0)
    assert found["listed_ops"] == {"LEAKY_RELU": 1}
    assert "no operator multiplies by weights" in done.stderr


def test_refuses_a_model_that_is_none(tmp_path: Path) -> None:
    refuse(["cost", "absent.tflite"], tmp_path, 1, "There is no such model file")
    (tmp_path / "broken.tflite").write_bytes(b"no flatbuffer")
    refuse(["cost", "broken.tflite"], tmp_path, 1, "not a TFLite flatbuffer")


def test_refuses_the_papers_rules_for_a_model_without_a_sidecar(tmp_path: Path) -> None:
    (tmp_path / "foreign.tflite").write_bytes(float_flatbuffer())
    refuse(["cost", "foreign.tflite", "--rules", "paper"], tmp_path, 2, "without a sidecar", "--rules full")


def test_refuses_an_order_of_networks_counted_by_different_rules(tmp_path: Path) -> None:
    (tmp_path / "foreign.tflite").write_bytes(float_flatbuffer())
    refuse(["cost", "--sensitivity", "foreign.tflite", "digits"], tmp_path, 2, "different rules", "--rules full")


def test_refuses_a_model_that_is_not_what_its_sidecar_says(converted_run: RunFolder, tmp_path: Path) -> None:
    source = converted_run.path
    shutil.copy(source / "model.float32.x86_64.tflite", tmp_path / "model.tflite")
    sidecar = json.loads((source / "model.float32.x86_64.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(sidecar | {"format": "packed"}))
    refuse(["cost", "model.tflite"], tmp_path, 1, "Layer 'stage1_block1_conv1' was to be packed but is float32")


def test_refuses_a_sidecar_without_a_known_format(converted_run: RunFolder, tmp_path: Path) -> None:
    shutil.copy(converted_run.path / "model.float32.x86_64.tflite", tmp_path / "model.tflite")
    sidecar = json.loads((converted_run.path / "model.float32.x86_64.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(sidecar | {"format": "float16"}))
    refuse(
        ["cost", "model.tflite"],
        tmp_path,
        1,
        "The sidecar is damaged",
        "format: ",
        "'packed', 'float32', 'int8' or 'packed_int8'",
    )


def test_refuses_a_plot_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    refuse(["cost", "digits", "--plot", "absent/out.svg"], tmp_path, 1, "The plot cannot be written")
