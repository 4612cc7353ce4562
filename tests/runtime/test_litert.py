"""LiteRT with XNNPACK."""

from pathlib import Path

from processes import python
from tiny_models import float_model, packed_model

from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runtime import litert
from edgehybrid.runtime.interpreter import Interpreter
from edgehybrid.runtime.isa import xnnpack_isa


def test_can_run_models_without_larqs_operators_only() -> None:
    assert litert.can_run(parse_flatbuffer(float_model(), "model"))
    assert not litert.can_run(parse_flatbuffer(packed_model(), "model"))


def test_float_models_run_in_it() -> None:
    loaded = Interpreter(float_model())
    assert loaded.runtime.startswith("ai-edge-litert")
    assert loaded.isa == xnnpack_isa(is_int8=False)


def test_says_nothing_while_it_loads(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(float_model())
    code = (
        f"from pathlib import Path; from edgehybrid.runtime.interpreter import *; load_interpreter(Path({str(path)!r}))"
    )
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
