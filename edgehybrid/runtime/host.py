"""LiteRT's interpreter, which every runtime here works in."""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.runtime.quiet_start import held_back

Floats = NDArray[np.float32]


@cache
def host_version() -> str:
    """LiteRT's. Looking it up takes a millisecond, a tenth of loading a small flatbuffer."""
    return version("ai-edge-litert")


class Host(NamedTuple):
    """A flatbuffer in LiteRT, with memory for one image.

    Attributes:
        run: logits (1, classes) of one normalised image (1, side, side, channels), float32; a flatbuffer that reads
            8-bit integers gets the nearest ones.
        image_shape: (side, side, channels).
        logits_shape: (classes,).
    """

    run: Callable[[Floats], Floats]
    image_shape: tuple[int, ...]
    logits_shape: tuple[int, ...]


def open_host(content: bytes, threads: int, delegates: Sequence[Any] = ()) -> Host:
    """Loads a flatbuffer.

    Raises:
        RuntimeError: LiteRT or a delegate refuses it.
        ValueError: it does not give float32 for one image of float32 or int8.
    """
    from ai_edge_litert.interpreter import Interpreter

    # It says that it made an XNNPACK delegate, which nobody asked about.
    with held_back():
        interpreter = Interpreter(
            model_content=content, num_threads=threads, experimental_delegates=list(delegates) or None
        )
        interpreter.allocate_tensors()
    source, image_shape = _only(interpreter.get_input_details(), "input", (np.float32, np.int8))
    result, logits_shape = _only(interpreter.get_output_details(), "output", (np.float32,))
    stored = as_stored(interpreter.get_input_details()[0])

    def run(image: Floats) -> Floats:
        interpreter.set_tensor(source, stored(image))
        interpreter.invoke()
        logits: Floats = interpreter.get_tensor(result)
        return logits

    return Host(run, image_shape, logits_shape)


def as_stored(detail: dict[str, Any]) -> Callable[[Floats], NDArray[Any]]:
    """Images as a flatbuffer reads them: as they are, or as q = round(x / scale) + zero point in 8 bits."""
    if detail["dtype"] is not np.int8:
        return lambda image: image
    scale, zero_point = detail["quantization"]
    return lambda image: np.clip(np.rint(image / np.float32(scale)) + zero_point, -128, 127).astype(np.int8)


def _only(
    details: Sequence[dict[str, Any]], what: str, types: tuple[type[np.generic], ...]
) -> tuple[int, tuple[int, ...]]:
    """Index, and shape of one image's part, of the only tensor."""
    if len(details) != 1:
        raise ValueError(f"it has {len(details)} {what}s; one is allowed")
    (detail,) = details
    shape = tuple(int(length) for length in detail["shape"])
    if detail["dtype"] not in types or shape[:1] != (1,):
        allowed = " or ".join(kind.__name__ for kind in types)
        raise ValueError(f"its {what} is {detail['dtype'].__name__} {shape}; {allowed} (1, …) is allowed")
    return int(detail["index"]), shape[1:]
