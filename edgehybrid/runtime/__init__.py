"""Runs flatbuffers: one module a runtime, in one list (interpreter.py); packed ones in the native runtime (native/).

No TensorFlow; LiteRT is imported when a flatbuffer is loaded.
"""

from typing import TYPE_CHECKING, Any

from edgehybrid.runtime.native_delegate import delegate
from edgehybrid.runtime.native_library import library

if TYPE_CHECKING:
    from edgehybrid.runtime.interpreter import Interpreter

__all__ = ["Interpreter", "delegate", "library"]


def __getattr__(name: str) -> Any:
    """The interpreter when it is first used: it reads flatbuffers by names that are LiteRT's."""
    if name != "Interpreter":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from edgehybrid.runtime.interpreter import Interpreter

    return Interpreter
