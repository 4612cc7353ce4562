"""How often a loop of a flatbuffer runs, where the file tells."""

import math

from edgehybrid.flatbuffer import Op, Subgraph


def trip_count(caller: Subgraph, op: Op, condition: Subgraph, body: Subgraph) -> int | None:
    """How often a loop runs that counts a number from a constant up to another one; None for any other loop.

    The condition is LESS of the counter and a limit; the body adds a constant to the counter. A limit or a step that
    the loop is given must stand in ``condition`` and ``body`` as a constant, see passed_constants.py.
    """
    if len(condition.ops) != 1:
        return None
    (compared,) = condition.ops
    if compared.name != "LESS" or len(compared.inputs) != 2 or compared.outputs != condition.outputs:
        return None
    counter, limit = compared.inputs
    if counter not in condition.inputs:
        return None
    place = condition.inputs.index(counter)
    if place >= min(len(op.inputs), len(body.inputs), len(body.outputs)):
        return None
    start, end, step = _number(caller, op.inputs[place]), _number(condition, limit), _step(body, place)
    if start is None or end is None or step is None or step <= 0:
        return None
    if isinstance(start, int) and isinstance(end, int) and isinstance(step, int):
        return max(0, -((start - end) // step))
    steps = (end - start) / step
    return max(0, math.ceil(steps)) if math.isfinite(steps) else None


def _step(body: Subgraph, place: int) -> int | float | None:
    """The constant that the body adds to the number that it reads and writes at a place."""
    read, written = body.inputs[place], body.outputs[place]
    for op in body.ops:
        if written in op.outputs:
            others = [index for index in op.inputs if index != read]
            adds = op.name == "ADD" and read in op.inputs and len(others) == 1
            return _number(body, others[0]) if adds else None
    return None


def _number(subgraph: Subgraph, index: int) -> int | float | None:
    """The value of a tensor of one constant, finite number; the index may be that of an absent input."""
    data = subgraph.tensors[index].data if index >= 0 else None
    if data is None or data.size != 1 or data.dtype.kind not in "iuf":
        return None
    value: int | float = data.reshape(-1)[0].item()
    return value if math.isfinite(value) else None
