"""The installed command ``proxy``: devices compared and adapted, and what users get wrong."""

import hashlib
import json
from pathlib import Path

import pytest
from processes import call
from report_samples import make_row
from tiny_flatbuffers import float_flatbuffer

from edgehybrid import results
from edgehybrid.device.adapted_rows import LEAST_SAMPLES
from edgehybrid.device.proxy import compare_devices
from edgehybrid.results import Row


def rows_of_five(device: str) -> list[Row]:
    return [
        make_row(
            device=device,
            recipe=name,
            recipe_sha256=name * 64,
            model_sha256=name * 64,
            latency_ms_median=1.0 + place,
        )
        for place, name in enumerate("abcde")
    ]


def test_prints_each_comparison(tmp_path: Path) -> None:
    store = tmp_path / "runs" / "results.sqlite"
    of = rows_of_five("x") + rows_of_five("y")
    for row in of:
        results.append(store, row)
    done = call(["proxy", "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"results": [each.as_dict() for each in compare_devices(of)]}
    text = call(["proxy"], tmp_path)
    assert "rank correlation" in text.stdout
    assert "1 of 1" in text.stdout


def test_refuses_one_device(tmp_path: Path) -> None:
    for row in rows_of_five("x"):
        results.append(tmp_path / "results.sqlite", row)
    done = call(["proxy", "--results", "results.sqlite"], tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "No two devices have measured the same network" in done.stderr
    assert "received: rows of x" in done.stderr


def test_says_which_rows_it_leaves_out(tmp_path: Path) -> None:
    for row in rows_of_five("desktop") + rows_of_five("board"):
        results.append(tmp_path / "runs" / "results.sqlite", row)
    done = call(["proxy", "--adapt", "desktop", "board"], tmp_path)
    assert done.returncode == 2
    assert "Note: left out, its flatbuffer is not in runs: a (packed)" in done.stderr
    assert "holds no flatbuffer of a row" in done.stderr


def test_adapts_a_device_from_a_few_rows_of_its_own(tmp_path: Path) -> None:
    """With one flatbuffer under many names, so that all have one work: then all that is learned is the scale."""
    folder = tmp_path / "runs" / "run"
    folder.mkdir(parents=True)
    for number in range(LEAST_SAMPLES + 2):
        content = float_flatbuffer() + bytes(16 * number)
        (folder / f"{number}.tflite").write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        facts = {"run": "run", "model": f"{number}.tflite", "model_sha256": sha256, "recipe_sha256": sha256}
        row = make_row(device="desktop", latency_ms_median=1.0 + number, **facts)
        results.append(tmp_path / "runs" / "results.sqlite", row)
        if number < LEAST_SAMPLES:
            row = make_row(device="board", latency_ms_median=10.0 - number, **facts)
            results.append(tmp_path / "runs" / "results.sqlite", row)
    done = call(["proxy", "--adapt", "desktop", "board", "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["samples"], found["rank_correlation"]) == (LEAST_SAMPLES, pytest.approx(-1))
    assert [each["model"] for each in found["networks"]] == ["6.tflite", "7.tflite"]
    # The mean of what was measured: 10 … 5 ms.
    assert found["networks"][0]["latency_ms_predicted"] == pytest.approx(7.5)
    text = call(["proxy", "--adapt", "desktop", "board"], tmp_path)
    assert "6 networks on both; rank correlation -1.000" in text.stdout
