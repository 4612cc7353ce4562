"""Runs a flatbuffer of any number of outputs, packed maps among them, in the runtime that its operators need."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runtime import packed
from edgehybrid.runtime.host import Floats
from edgehybrid.runtime.native_delegate import delegate
from edgehybrid.runtime.quiet_start import held_back


def every_output(content: bytes) -> Callable[[Floats], list[NDArray[Any]]]:
    """A function of one normalised image, float32 (1, side, side, channels), that gives every output in its order.

    8-bit outputs come as the numbers that they stand for, (q - zero point) · scale; all others as they are.

    Raises:
        RuntimeMissingError: a packed flatbuffer without the native runtime's library.
        RuntimeError, ValueError: the runtime refuses the flatbuffer.
    """
    from ai_edge_litert.interpreter import Interpreter

    delegates = [delegate()] if packed.can_run(parse_flatbuffer(content, "the model")) else None
    # It says that it made an XNNPACK delegate, which nobody asked about.
    with held_back():
        interpreter = Interpreter(model_content=content, num_threads=1, experimental_delegates=delegates)
        interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    results = interpreter.get_output_details()

    def run(image: Floats) -> list[NDArray[Any]]:
        interpreter.set_tensor(source["index"], image)
        interpreter.invoke()
        return [_numbers(interpreter.get_tensor(result["index"]), result["quantization"]) for result in results]

    return run


def _numbers(output: NDArray[Any], quantization: tuple[float, int]) -> NDArray[Any]:
    if output.dtype != np.int8:
        return output
    scale, zero_point = quantization
    return (output.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
