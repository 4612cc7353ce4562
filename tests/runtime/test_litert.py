"""LiteRT with XNNPACK."""

from pathlib import Path

from processes import python
from tiny_flatbuffers import float_flatbuffer, packed_flatbuffer

from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runtime import Interpreter, litert
from edgehybrid.runtime.isa import xnnpack_isa


def test_can_run_models_without_larqs_operators_only() -> None:
    assert litert.can_run(parse_flatbuffer(float_flatbuffer(), "model"))
    assert not litert.can_run(parse_flatbuffer(packed_flatbuffer(), "model"))


def test_float_models_run_in_it() -> None:
    loaded = Interpreter(float_flatbuffer())
    assert loaded.runtime.startswith("ai-edge-litert")
    assert loaded.isa == xnnpack_isa(is_int8=False)
    # XNNPACK does not tell what it took.
    assert (loaded.threads, loaded.delegated_nodes, loaded.graph_nodes) == (1, None, 3)


def test_says_nothing_while_it_loads(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(float_flatbuffer())
    done = python(f"from edgehybrid.runtime import Interpreter; Interpreter({str(path)!r})")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
