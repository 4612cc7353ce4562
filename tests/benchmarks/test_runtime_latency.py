"""benchmarks/runtime_latency.py: turns, and what is printed."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import runtime_latency
from runtime_latency import BLOCK_RUNS, LEAST_RUNS, image_of, in_blocks, interleaved, print_table, quietest, xnnpack_isa

from edgehybrid.runtime.isa import INT8


def test_each_rival_leads_a_round_and_has_a_run_that_does_not_count() -> None:
    calls: list[str] = []
    found = in_blocks({name: lambda name=name: calls.append(name) for name in "abc"}, rounds=3)  # type: ignore[misc]
    assert {name: [len(block) for block in blocks] for name, blocks in found.items()} == {
        name: [BLOCK_RUNS] * 3 for name in "abc"
    }
    # Two runs of each tell how long a block is.
    blocks = "".join(calls)[6:].replace("a" * (BLOCK_RUNS + 1), "A").replace("b" * (BLOCK_RUNS + 1), "B")
    assert blocks.replace("c" * (BLOCK_RUNS + 1), "C") == "ABC" + "BCA" + "CAB"


def test_blocks_of_a_slow_rival_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_latency, "timed_ms", lambda _, runs: [1e4] * runs)
    assert len(in_blocks({"slow": lambda: None}, 1)["slow"][0]) == LEAST_RUNS


def test_interleaved_rivals_take_turns_run_by_run() -> None:
    calls: list[str] = []
    found = interleaved({name: lambda name=name: calls.append(name) for name in "ab"}, rounds=3)  # type: ignore[misc]
    assert calls == list("ababab")
    assert Counter({name: len(times) for name, times in found.items()}) == {"a": 3, "b": 3}


def test_every_rival_gets_the_same_image() -> None:
    assert (image_of([1, 2, 2, 3]) == image_of((1, 2, 2, 3))).all()


def test_xnnpack_takes_the_first_set_whose_features_are_there() -> None:
    assert xnnpack_isa(INT8["x86_64"], frozenset({"avx2", "avx_vnni"})) == "avx_vnni"
    assert xnnpack_isa(INT8["x86_64"], frozenset()) == "sse2"


def test_the_table_names_processor_what_is_hidden_and_what_was_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "network": "net",
        "isa": "avx2",
        "blocks_ms": {"native": 0.5, "int8": 1.0},
        "ratios": {"int8": {"ratio": 2.0, "low": 1.9, "high": 2.1}},
        "share_of_roofline": None,
    }
    about = {"cpu": "Some CPU", "hidden": "amx", "xnnpack_int8": "avx512_vnni", "xnnpack_float32": "avx512f"}
    result = {
        "machine": about,
        "threads": 1,
        "load_average_before": 0.5,
        "others_percent": None,
        "results": [row],
        "skipped": {"quicknet": "larq_zoo is not installed"},
    }
    print_table(result)
    printed = capsys.readouterr().out
    for word in ("Some CPU, amx hidden", "avx512_vnni", "0.5000", "2.00 (1.90–2.10)", "quicknet: skipped, larq_zoo"):
        assert word in printed


def measurement(times: list[float], threads: int = 1) -> dict[str, Any]:
    rows = [{"network": str(index), "blocks_ms": {"native": time, "int8": 2.0}} for index, time in enumerate(times)]
    return {"machine": {"cpu": "a"}, "threads": threads, "results": rows}


def test_each_network_has_the_row_of_its_quietest_measurement() -> None:
    joined = quietest([measurement([1.0, 6.0]), measurement([3.0, 4.0])])
    assert [row["blocks_ms"]["native"] for row in joined["results"]] == [1.0, 4.0]
    assert joined["measurements"] == 2


def test_networks_measured_apart_are_joined() -> None:
    first, second = measurement([1.0, 6.0]), measurement([3.0, 4.0])
    apart = [{**one, "results": [row]} for one in (first, second) for row in one["results"]]
    assert quietest(apart) == quietest([first, second])
    assert quietest([*apart, first])["measurements"] == 3
    assert quietest(apart[:3])["measurements"] == 1


def test_measurements_that_differ_in_more_than_their_times_are_not_joined() -> None:
    with pytest.raises(ValueError, match="different machines"):
        quietest([measurement([1.0]), measurement([1.0], threads=2)])


def test_the_program_tells_its_options() -> None:
    program = Path(runtime_latency.__file__)
    done = subprocess.run([sys.executable, program, "--help"], capture_output=True, text=True, check=True)
    assert {"--threads", "--rounds", "--networks", "--hide", "--models", "--json"} <= set(done.stdout.split())
