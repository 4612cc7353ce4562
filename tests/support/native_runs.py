"""Runs flatbuffers with the native delegate, and with Larq's interpreter to compare."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgehybrid import runtime
from edgehybrid.errors import RuntimeMissingError


@cache
def library() -> Path:
    """The library of this machine; skips the test where there is none."""
    try:
        return runtime.library()
    except RuntimeMissingError as error:
        pytest.skip(f"needs the native runtime, which pip builds: {error.what}")


def delegate(**options: str) -> Any:
    from ai_edge_litert.interpreter import load_delegate

    return load_delegate(str(library()), options)


@cache
def instruction_sets() -> tuple[str, ...]:
    """Those that this processor can run, as the library names them when it refuses one."""
    with pytest.raises(ValueError, match="allowed here") as error:
        delegate(isa="none")
    return tuple(re.split(", ", str(error.value).split("allowed here: ")[1].strip()))


def litert(content: bytes, threads: int = 1, **options: str) -> Any:
    """LiteRT's interpreter with the delegate and without XNNPACK, tensors allocated."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return _allocated(
        Interpreter(
            model_content=content,
            num_threads=threads,
            experimental_delegates=[delegate(**options)],
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    )


def host_alone(content: bytes) -> Any:
    """LiteRT's interpreter without any delegate."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return _allocated(
        Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    )


def _allocated(interpreter: Any) -> Any:
    interpreter.allocate_tensors()
    return interpreter


def outputs_of(interpreter: Any, image: NDArray[Any]) -> list[NDArray[Any]]:
    """All outputs of one inference."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]).copy() for detail in interpreter.get_output_details()]


def resize(interpreter: Any, shape: tuple[int, ...]) -> None:
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape, strict=False)
    interpreter.allocate_tensors()


def run(content: bytes, image: NDArray[Any], threads: int = 1, **options: str) -> NDArray[Any]:
    """The only output with the delegate."""
    return outputs_of(litert(content, threads, **options), image)[0]


def lce(content: bytes, image: NDArray[Any], kernel: str = "indirect") -> NDArray[Any]:
    """The only output of Larq's interpreter with its reference, indirect or default kernel."""
    pytest.importorskip("larq_compute_engine", reason="larq-compute-engine is not installed")
    from larq_compute_engine.tflite.python.interpreter import Interpreter

    interpreter = Interpreter(
        content, use_reference_bconv=kernel == "reference", use_indirect_bgemm=kernel == "indirect"
    )
    return np.asarray(interpreter.predict(image))


def regions_in(report: Path) -> list[dict[str, Any]]:
    """The lines that the delegate wrote."""
    return [json.loads(line) for line in report.read_text().splitlines()]
