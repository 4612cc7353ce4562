"""From a flatbuffer to a row and a report: agreement, turns with the twins, evidence, parts."""

import json
from pathlib import Path
from typing import Any

import pytest
from target import Target

OPTIONS = ("--sessions", 2, "--timed-runs", 5)


@pytest.fixture(scope="module")
def found(ready: Target, model: Path) -> Any:
    """What the command prints of the model, its twins and its parts."""
    return ready.printed("benchmark", model, "--device", ready.address, *OPTIONS, "--profile")


def test_a_row_of_the_model_and_of_each_twin(ready: Target, model: Path, found: Any) -> None:
    rows = [found, *found["twins"]]
    assert [row["format"] for row in rows] == ["packed", "int8", "float32"]
    for row in rows:
        assert (row["sessions"], row["runs"]) == (2, 10)
        assert row["energy_model_uj"] > 0
        assert row["board"]["cpu"]
    assert found["delegated_nodes"] > 0
    assert found["isa"] in ("neon", "portable", "avx2", "avx512")
    if found["emulated"]:
        assert all(row["latency_ms_median"] is None for row in rows)
        assert all(row["emulated_ms_not_latency"] > 0 for row in rows)
        assert found["comparisons"] == []
    else:
        assert all(row["latency_ms_median"] > 0 for row in rows)
        assert len(found["comparisons"]) == 2
    logged = ready.printed("results", "--results", model.parents[1] / "results.sqlite")["results"]
    assert {row["model_sha256"] for row in rows} <= {row["model_sha256"] for row in logged}


@pytest.mark.usefixtures("found")
def test_the_report_names_the_board_and_no_emulated_latency(ready: Target) -> None:
    page = ready.folder / "report"
    ready.call("report", "--out", page, "--overwrite")
    text = (page / "report.md").read_text()
    assert ready.address in text
    if ready.emulated is not None:
        assert "emulat" in text


@pytest.mark.usefixtures("found")
def test_a_measured_model_is_left_out_when_a_campaign_resumes(ready: Target, model: Path) -> None:
    done = ready.call("benchmark", model, "--device", ready.address, *OPTIONS, "--resume")
    assert "measured before, left out" in done.stderr


def test_the_parts_take_every_node_once(found: Any) -> None:
    parts = found["profile"]
    nodes = [node for part in parts for node in part["nodes"]]
    assert sorted(nodes) == list(range(found["graph_nodes"]))
    assert sum(part["share"] for part in parts) == pytest.approx(1)
    times = "emulated_us_not_latency" if found["emulated"] else "time_us_median"
    assert all(part[times] >= 0 for part in parts)


def test_xnnpack_runs_the_float_twin(ready: Target, model: Path) -> None:
    """In an emulator whose files of the processor are wrong it stays off without a word."""
    if ready.emulated is None:
        pytest.skip("looks into the board's interpreter, and is for --device emulated alone")
    twin = model.with_name(model.name.replace("packed", "twin_float32"))
    there = ready.emulated.home / "twin.tflite"
    there.write_bytes(twin.read_bytes())
    script = (
        "import json; from ai_edge_litert.interpreter import Interpreter; i = Interpreter('twin.tflite'); "
        "i.allocate_tensors(); print(json.dumps([op['op_name'] for op in i._get_ops_details()]))"
    )
    operators = json.loads(ready.emulated.run(".cache/edgehybrid/runner/venv/bin/python", "-c", script))
    assert "DELEGATE" in operators
