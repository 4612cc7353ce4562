"""Larq Compute Engine's interpreter."""

import platform

import pytest
from tiny_models import float_model, packed_model

from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime import lce
from edgehybrid.runtime.interpreter import load_interpreter


@pytest.mark.parametrize("content", [packed_model(), float_model()])
def test_can_run_packed_and_float_models(content: bytes) -> None:
    assert lce.can_run(parse_flatbuffer(content, "model"))


def test_packed_models_run_in_it(converted_run: RunFolder) -> None:
    loaded = load_interpreter(converted_run.path / "model.packed.x86_64.tflite", threads=2)
    assert loaded.runtime.startswith("larq-compute-engine 0.16")
    assert loaded.threads == 2


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86-64 processor")
def test_its_kernels_for_x86_64_have_no_vector_instructions(converted_run: RunFolder) -> None:
    assert load_interpreter(converted_run.path / "model.packed.x86_64.tflite").isa == "portable"
