"""How long each part of a packed flatbuffer takes: every node once, and no more time than passed."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lce_layers import BinaryConv
from native_runs import instruction_sets, library, litert, outputs_of, resize
from processes import python
from tiny_flatbuffers import float_flatbuffer, two_regions_flatbuffer

from edgehybrid.errors import UsageError
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime import Interpreter

IMAGES = np.random.default_rng(3).standard_normal((3, 8, 8, 1)).astype(np.float32)


@pytest.fixture(autouse=True)
def _needs_the_library() -> None:
    library()


@pytest.fixture
def packed(converted_run: RunFolder) -> Path:
    return converted_run.path / "model.packed.x86_64.tflite"


@pytest.mark.parametrize("isa", ["reference", "portable"])
@pytest.mark.parametrize("threads", [1, 2])
def test_every_node_is_in_one_part(packed: Path, threads: int, isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEHYBRID_ISA", isa)
    loaded = Interpreter(packed, threads)
    parts = loaded.profile(IMAGES, runs=5)
    nodes = [node for part in parts for node in part.nodes]
    assert sorted(nodes) == list(range(loaded.graph_nodes))
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert all(part.time_us_median >= 0 for part in parts)
    assert parts[-1].name == "the host: no nodes"


def test_names_the_operators_and_the_last_tensor_of_each_part(packed: Path) -> None:
    loaded = Interpreter(packed)
    parts = loaded.profile(IMAGES, runs=1)
    for part in parts:
        assert len(part.name.split(" + ")) == len(part.nodes) or not part.tensor
    assert any(re.match(r"LceBconv2d \+ ", part.name) for part in parts)
    assert [part.tensor for part in parts if not part.nodes] == [None, None]


def test_no_more_time_is_told_than_passed(packed: Path) -> None:
    loaded = Interpreter(packed, threads=2)
    began = time.perf_counter_ns()
    # One run: medians of more do not add up.
    parts = loaded.profile(IMAGES, runs=1)
    assert 0 < sum(part.time_us_median for part in parts) <= (time.perf_counter_ns() - began) / 1e3


def test_nodes_that_the_host_keeps_are_the_last_part() -> None:
    parts = Interpreter(two_regions_flatbuffer((1, 4, 4, 40))).profile(np.zeros((1, 4, 4, 40), np.float32), runs=3)
    assert [node for part in parts for node in part.nodes] == [0, 1, 3, 4, 2]
    assert (parts[-1].name, parts[-1].nodes) == ("the host: 1 node", (2,))


@pytest.mark.parametrize("threads", [1, 2])
def test_results_are_those_without_it_in_any_batch(tmp_path: Path, threads: int) -> None:
    layer = replace(BinaryConv(), batch=5, output="packed")
    content, images, file = layer.flatbuffer(), layer.image(), tmp_path / "profile.jsonl"
    for isa in instruction_sets():
        expected = outputs_of(litert(content, isa=isa), images)[0]
        interpreter = litert(content, threads, isa=isa, profile_file=str(file))
        for count in (5, 5, 2):
            resize(interpreter, images[:count].shape)
            np.testing.assert_array_equal(outputs_of(interpreter, images[:count])[0], expected[:count])
        assert len(file.read_text().splitlines()) == 1
        del interpreter
        plans = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(plan["batch"], plan["threads"]) for plan in plans] == [(5, threads), (2, threads)]
        for plan, runs in zip(plans, (2, 1), strict=True):
            assert sorted(node for part in plan["parts"] for node in part["nodes"]) == [0, 1, 2]
            assert all(len(part["runs_ns"]) == runs for part in plan["parts"])


def test_nothing_is_written_unless_asked(packed: Path, tmp_path: Path) -> None:
    done = python(
        "from edgehybrid.runtime import Interpreter; import numpy as np\n"
        f"Interpreter({str(packed)!r}).predict(np.zeros((2, 8, 8, 1), np.float32))",
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_a_profile_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"option 'profile_file' names .*no/profile', which cannot be written"):
        litert(BinaryConv().flatbuffer(), profile_file=str(tmp_path / "no" / "profile"))


def test_refuses_a_flatbuffer_that_the_host_runs() -> None:
    with pytest.raises(UsageError, match="Only the native runtime tells") as caught:
        Interpreter(float_flatbuffer()).profile(np.zeros((1, 5, 5, 2)))
    assert "XNNPACK" in str(caught.value.received)


@pytest.mark.parametrize(("images", "runs"), [(IMAGES[:0], 1), (IMAGES, 0)])
def test_refuses_no_images_and_no_runs(packed: Path, images: np.ndarray, runs: int) -> None:
    with pytest.raises(UsageError, match="has images and runs"):
        Interpreter(packed).profile(images, runs)


def test_refuses_other_images(packed: Path) -> None:
    with pytest.raises(UsageError, match="not what the flatbuffer takes"):
        Interpreter(packed).profile(IMAGES[:, :7])
