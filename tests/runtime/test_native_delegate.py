"""The native runtime in a user's own interpreter."""

from pathlib import Path

import numpy as np
import pytest
from native_runs import instruction_sets, library
from tiny_flatbuffers import float_flatbuffer, packed_flatbuffer

from edgehybrid import runtime
from edgehybrid.errors import UsageError
from edgehybrid.runtime.native_delegate import Region, regions_in


@pytest.fixture(autouse=True)
def _needs_the_library() -> None:
    library()


def regions(tmp_path: Path, content: bytes, threads: int = 1, isa: str | None = None) -> tuple[Region, ...]:
    """What the delegate takes of a flatbuffer in LiteRT's own interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    report = tmp_path / "regions.jsonl"
    delegate = runtime.delegate(isa, report)
    interpreter = Interpreter(model_content=content, num_threads=threads, experimental_delegates=[delegate])
    interpreter.allocate_tensors()
    return regions_in(report)


def test_runs_a_packed_flatbuffer_in_an_interpreter_of_litert(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=packed_flatbuffer(), experimental_delegates=[runtime.delegate()])
    interpreter.allocate_tensors()
    image = np.random.default_rng(0).standard_normal((1, 6, 5, 40)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    result = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_array_equal(result, runtime.Interpreter(packed_flatbuffer())(image))


def test_reports_what_it_takes_with_the_threads_that_it_has(tmp_path: Path) -> None:
    (region,) = regions(tmp_path, packed_flatbuffer(), threads=2, isa="portable")
    assert region == Region("portable", threads=2, batch=1, nodes=(0, 1), graph_nodes=2)


def test_leaves_other_flatbuffers_alone(tmp_path: Path) -> None:
    assert regions(tmp_path, float_flatbuffer()) == ()


def test_refuses_an_instruction_set_that_is_not_this_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="isa names no instruction set that can run here") as caught:
        runtime.delegate("mmx")
    assert (caught.value.received, caught.value.allowed) == ("mmx", ", ".join(instruction_sets()))
    monkeypatch.setenv("EDGEHYBRID_ISA", "avx1024")
    with pytest.raises(UsageError, match="EDGEHYBRID_ISA names no instruction set") as caught:
        runtime.delegate()
    assert caught.value.received == "avx1024"


def test_refuses_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="which cannot be written"):
        runtime.delegate(report_file=tmp_path / "no" / "report")
