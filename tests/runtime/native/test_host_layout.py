"""A host whose structures are laid out otherwise than those that the delegate knows: refused before they are followed.

The host is made up here, in memory, and calls the library as LiteRT does.
"""

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_float,
    c_int,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint64,
    c_void_p,
)
from typing import Any

import pytest
from native_runs import library

from edgehybrid.runtime import packed

FLOAT32, INT32, ARENA, CUSTOM = 1, 2, 2, 32
OK, ERROR = 0, 1


class Tensor(Structure):
    _fields_ = (
        *(("type", c_int), ("data", c_void_p), ("dims", c_void_p), ("scale", c_float), ("zero_point", c_int)),
        *(("allocation_type", c_int), ("bytes", c_size_t), ("allocation", c_void_p), ("name", c_char_p)),
        *(("delegate", c_void_p), ("buffer_handle", c_int), ("data_is_stale", c_uint8), ("is_variable", c_uint8)),
        *(
            ("quantization_type", c_int),
            ("quantization", c_void_p),
            ("sparsity", c_void_p),
            ("dims_signature", c_void_p),
        ),
    )


class Node(Structure):
    _fields_ = (
        *(("inputs", c_void_p), ("outputs", c_void_p), ("intermediates", c_void_p), ("temporaries", c_void_p)),
        *(("user_data", c_void_p), ("builtin_data", c_void_p), ("options", c_void_p), ("options_size", c_int)),
        ("delegate", c_void_p),
    )


class Registration(Structure):
    _fields_ = (
        *((name, c_void_p) for name in ("init", "free", "prepare", "invoke", "profiling_string")),
        *(("builtin_code", c_int), ("custom_name", c_char_p), ("version", c_int), ("external", c_void_p)),
        *(("async_kernel", c_void_p), ("inplace_operator", c_uint64), ("room", c_uint64 * 16)),
    )


class Delegate(Structure):
    _fields_ = (
        *(("data", c_void_p), ("prepare", CFUNCTYPE(c_int, c_void_p, c_void_p)), ("from_buffer", c_void_p)),
        *(("to_buffer", c_void_p), ("free_buffer", c_void_p), ("flags", c_int64), ("opaque", c_void_p)),
    )


GetPlan = CFUNCTYPE(c_int, c_void_p, POINTER(c_void_p))
GetNode = CFUNCTYPE(c_int, c_void_p, c_int, POINTER(c_void_p), POINTER(c_void_p))
Replace = CFUNCTYPE(c_int, c_void_p, Registration, c_void_p, c_void_p)
Report = CFUNCTYPE(None, c_void_p, c_char_p, c_char_p)


class Context(Structure):
    _fields_ = (
        *(("tensors_size", c_size_t), ("get_plan", GetPlan), ("tensors", c_void_p), ("impl", c_void_p)),
        *(("resize", c_void_p), ("report", Report), ("add_tensors", c_void_p), ("get_node", GetNode)),
        *(("replace", Replace), ("threads", c_int)),
    )


def numbers(*values: int) -> Any:
    """A list of the host's: its length, then its elements."""
    return (c_int * (len(values) + 1))(len(values), *values)


def moved(structure: Structure, at: int) -> bytes:
    """The structure with a field of eight bytes that is new, at an offset."""
    plain = bytes(structure)
    return plain[:at] + (0x7F00_1234_5678).to_bytes(8, "little") + plain[at:]


class MadeUpHost:
    """One LceQuantize of a map of 4×4 pixels and 32 channels.

    Args:
        tensor_at, operator_at: offset of a new field in each tensor, or in the registration; None where there is none.
    """

    def __init__(self, tensor_at: int | None = None, operator_at: int | None = None) -> None:
        self.reported: list[str] = []
        self.taken: list[int] = []
        self._shapes = numbers(1, 4, 4, 32), numbers(1, 4, 4, 1)
        tensors = [
            Tensor(type=kind, dims=ctypes.addressof(shape), allocation_type=ARENA, bytes=size, name=name)
            for kind, shape, size, name in zip((FLOAT32, INT32), self._shapes, (2048, 64), (b"in", b"out"), strict=True)
        ]
        text = b"".join(bytes(each) if tensor_at is None else moved(each, tensor_at) for each in tensors)
        self._tensors = ctypes.create_string_buffer(text, len(text))
        self._plan, self._inputs, self._outputs = numbers(0), numbers(0), numbers(1)
        self._node = Node(inputs=ctypes.addressof(self._inputs), outputs=ctypes.addressof(self._outputs))
        registration = Registration(builtin_code=CUSTOM, custom_name=b"LceQuantize", version=1)
        text = bytes(registration) if operator_at is None else moved(registration, operator_at)
        self._registration, self._kept = ctypes.create_string_buffer(text, len(text)), (tensors, registration)
        self._context = Context(
            tensors_size=len(tensors),
            get_plan=GetPlan(self._give_plan),
            tensors=ctypes.addressof(self._tensors),
            report=Report(lambda context, form, message: self.reported.append(message.decode())),
            get_node=GetNode(self._give_node),
            replace=Replace(self._take),
            threads=1,
        )

    def _give_plan(self, context: int, plan: Any) -> int:
        plan[0] = ctypes.addressof(self._plan)
        return OK

    def _give_node(self, context: int, index: int, node: Any, registration: Any) -> int:
        node[0], registration[0] = ctypes.addressof(self._node), ctypes.addressof(self._registration)
        return OK

    def _take(self, context: int, registration: Registration, nodes: int, delegate: int) -> int:
        count = c_int.from_address(nodes).value
        self.taken += list((c_int * (count + 1)).from_address(nodes))[1:]
        return OK

    def apply(self) -> int:
        """What the delegate answers when it is applied to the graph."""
        code = ctypes.CDLL(str(library()))
        code.tflite_plugin_create_delegate.restype = POINTER(Delegate)
        code.tflite_plugin_destroy_delegate.argtypes = [POINTER(Delegate)]
        delegate = code.tflite_plugin_create_delegate(None, None, c_size_t(0), None)
        status = delegate.contents.prepare(ctypes.addressof(self._context), ctypes.addressof(delegate.contents))
        code.tflite_plugin_destroy_delegate(delegate)
        return int(status)


def test_a_host_as_it_is_known_has_its_node_taken() -> None:
    host = MadeUpHost()
    assert (host.apply(), host.taken, host.reported) == (OK, [0], [])


# Before type, data, dims, scale, allocation type and bytes, and behind these: half of an address is no type, no flag.
@pytest.mark.parametrize("at", [0, 8, 16, 24, 32, 40, 48])
def test_tensors_with_a_field_more_are_refused(at: int) -> None:
    host = MadeUpHost(tensor_at=at)
    assert (host.apply(), host.taken) == (ERROR, [])
    (message,) = host.reported
    assert f"this host's tensors {packed._UNKNOWN_HOST}; use LiteRT 1.4 to 2.x" in message


# Before the operator's code, and before its name: then its version is half of the name's address.
@pytest.mark.parametrize("at", [0, 40, 48])
def test_operators_with_a_field_more_are_refused(at: int) -> None:
    host = MadeUpHost(operator_at=at)
    assert (host.apply(), host.taken) == (ERROR, [])
    (message,) = host.reported
    assert f"this host's operators {packed._UNKNOWN_HOST}; use LiteRT 1.4 to 2.x" in message
