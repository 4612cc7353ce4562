"""LiteRT with XNNPACK: every model without Larq's operators."""

from collections.abc import Mapping
from importlib.metadata import version

import numpy as np

from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.runtime.isa import xnnpack_isa
from edgehybrid.runtime.loaded import Floats, Loaded
from edgehybrid.runtime.quiet_start import held_back

# Operators whose kernels are those of integers where their weights are.
_WEIGHTED: Mapping[str, int] = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1}


def can_run(flatbuffer: Flatbuffer) -> bool:
    """Whether no operator is Larq's."""
    return not any(op.name.startswith("Lce") for op in flatbuffer.ops)


def load(flatbuffer: Flatbuffer, content: bytes, threads: int) -> Loaded:
    """A model of one input and one output, both float32."""
    from ai_edge_litert.interpreter import Interpreter

    # It says that it made an XNNPACK delegate, which nobody asked about.
    with held_back():
        interpreter = Interpreter(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
    source, result = (part()[0]["index"] for part in (interpreter.get_input_details, interpreter.get_output_details))

    def run(image: Floats) -> Floats:
        interpreter.set_tensor(source, image)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(result), np.float32)

    return Loaded(run, f"ai-edge-litert {version('ai-edge-litert')} (XNNPACK)", xnnpack_isa(_is_int8(flatbuffer)))


def _is_int8(flatbuffer: Flatbuffer) -> bool:
    """Whether the weights of most operators with weights are int8."""
    types = [
        flatbuffer.tensors[op.inputs[_WEIGHTED[op.name]]].type_name for op in flatbuffer.ops if op.name in _WEIGHTED
    ]
    return 2 * types.count("int8") > len(types)
