"""How often each subgraph of a flatbuffer runs in one inference, where the file tells."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgehybrid.census.operators import census
from edgehybrid.errors import ModelFileError
from edgehybrid.flatbuffer import Flatbuffer, Op, Subgraph

# For each operator that runs other subgraphs: the options with their numbers.
CALLING: Mapping[str, tuple[str, ...]] = {
    "CALL": ("subgraph",),
    "IF": ("then_subgraph_index", "else_subgraph_index"),
    "STABLEHLO_CASE": ("branch_subgraph_indices",),
    "STABLEHLO_COMPOSITE": ("decomposition_subgraph_index",),
    "STABLEHLO_WHILE": ("cond_subgraph_index", "body_subgraph_index"),
    "WHILE": ("cond_subgraph_index", "body_subgraph_index"),
}
# Of these, one subgraph runs.
_CHOOSING = ("IF", "STABLEHLO_CASE")
_LOOPING = ("WHILE", "STABLEHLO_WHILE")
# What initialises a model before its first inference, and is no part of one.
INITIALISING = "CALL_ONCE"


@dataclass
class Executions:
    """What runs in one inference.

    Attributes:
        times: how often each subgraph runs, by its number; the first runs once.
        notes: sentences about what the file does not tell, and about subgraphs that do not run.
    """

    times: dict[int, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def executions_of(flatbuffer: Flatbuffer) -> Executions:
    """Follows the calls from the first subgraph on. Of the branches of a choice, the one with the most MACs counts.

    Raises:
        ModelFileError: a call of a subgraph that is not there, or that leads back to itself.
    """
    found = Executions()
    order = _callers_first(flatbuffer)
    macs = _macs_of_each(flatbuffer, order)
    found.times = dict.fromkeys(order, 0) | {0: 1}
    for caller in order:
        for op in flatbuffer.subgraphs[caller].ops:
            for callee, times in _calls(flatbuffer, caller, op, macs, found.notes):
                found.times[callee] += times * found.times[caller]
    for number, subgraph in enumerate(flatbuffer.subgraphs):
        if number not in found.times and number not in _initialisers(flatbuffer):
            found.notes.append(f"Subgraph '{subgraph.name}' is another entry of the file, and is not counted.")
    return found


def _callers_first(flatbuffer: Flatbuffer) -> list[int]:
    """The subgraphs that the first one leads to: each behind all that call it."""
    finished: list[int] = []
    state: dict[int, bool] = {}  # False while its calls are followed
    stack = [(0, iter(_callees(flatbuffer, 0)))]
    state[0] = False
    while stack:
        number, callees = stack[-1]
        callee = next(callees, None)
        if callee is None:
            state[number] = True
            finished.append(number)
            stack.pop()
        elif callee not in state:
            state[callee] = False
            stack.append((callee, iter(_callees(flatbuffer, callee))))
        elif not state[callee]:
            raise ModelFileError(
                "The model file is damaged: a subgraph calls itself.", received=flatbuffer.subgraphs[callee].name
            )
    return finished[::-1]


def _callees(flatbuffer: Flatbuffer, caller: int) -> Iterator[int]:
    for op in flatbuffer.subgraphs[caller].ops:
        yield from subgraphs_of(flatbuffer, op)


def subgraphs_of(flatbuffer: Flatbuffer, op: Op) -> list[int]:
    """The numbers of the subgraphs that an operator may run.

    Raises:
        ModelFileError: one is not there.
    """
    numbers: list[int] = []
    for option in CALLING.get(op.name, ()):
        value = op.options.get(option)
        numbers += [int(number) for number in value] if isinstance(value, tuple) else [op.integer(option)]
    for number in numbers:
        if not 0 <= number < len(flatbuffer.subgraphs):
            raise ModelFileError("The model file is damaged: it calls a subgraph that is not there.", received=number)
    return numbers


def _initialisers(flatbuffer: Flatbuffer) -> set[int]:
    ops = (op for subgraph in flatbuffer.subgraphs for op in subgraph.ops if op.name == INITIALISING)
    return {op.integer("init_subgraph_index") for op in ops}


def _macs_of_each(flatbuffer: Flatbuffer, order: list[int]) -> dict[int, int]:
    """MACs of one run of each subgraph, with those that it calls."""
    macs: dict[int, int] = {}
    for number in reversed(order):
        subgraph = flatbuffer.subgraphs[number]
        own = sum(row.macs for row in census(subgraph))
        called = (call for op in subgraph.ops for call in _calls(flatbuffer, number, op, macs, []))
        macs[number] = own + sum(macs[callee] * times for callee, times in called)
    return macs


def _calls(
    flatbuffer: Flatbuffer, caller: int, op: Op, macs: Mapping[int, int], notes: list[str]
) -> list[tuple[int, int]]:
    """(subgraph, how often) that one run of an operator leads to; adds to ``notes`` what is not known."""
    numbers = subgraphs_of(flatbuffer, op)
    subgraphs = flatbuffer.subgraphs
    if op.name in _CHOOSING and numbers:
        chosen = max(numbers, key=lambda number: macs[number])
        if len({macs[number] for number in numbers}) > 1:
            notes.append(f"One of {len(numbers)} subgraphs runs; counted is '{subgraphs[chosen].name}', the costliest.")
        return [(chosen, 1)]
    if op.name in _LOOPING:
        condition, body = numbers
        times = _trip_count(subgraphs[caller], op, subgraphs[condition], subgraphs[body])
        if times is None and macs[body]:
            notes.append(f"The loop '{subgraphs[body].name}' runs an unknown number of times, and is counted once.")
        times = 1 if times is None else times
        return [(condition, times + 1), (body, times)]
    return [(number, 1) for number in numbers]


def _trip_count(caller: Subgraph, op: Op, condition: Subgraph, body: Subgraph) -> int | None:
    """How often a loop runs that counts a number from a constant up to another one; None for any other loop.

    The condition is LESS of the counter and a limit; the body adds a constant to the counter.
    """
    compared = [test for test in condition.ops if test.name == "LESS"]
    if len(condition.ops) != 1 or len(compared) != 1 or len(compared[0].inputs) != 2:
        return None
    counter, limit = compared[0].inputs
    if counter not in condition.inputs:
        return None
    place = condition.inputs.index(counter)
    end = _number(condition, limit)
    if end is None and limit in condition.inputs:
        # A limit that the loop carries along unchanged.
        limit_place = condition.inputs.index(limit)
        if body.outputs[limit_place] == body.inputs[limit_place]:
            end = _number(caller, op.inputs[limit_place])
    start, step = _number(caller, op.inputs[place]), _step(body, place)
    if start is None or end is None or step is None or step <= 0:
        return None
    return max(0, math.ceil((end - start) / step))


def _step(body: Subgraph, place: int) -> float | None:
    """The constant that the body adds to the number that it reads and writes at a place."""
    if place >= len(body.inputs) or place >= len(body.outputs):
        return None
    for op in body.ops:
        if op.name == "ADD" and body.outputs[place] in op.outputs and body.inputs[place] in op.inputs:
            others = [index for index in op.inputs if index != body.inputs[place]]
            return _number(body, others[0]) if len(others) == 1 else None
    return None


def _number(subgraph: Subgraph, index: int) -> float | None:
    """The value of a tensor of one constant number."""
    data = subgraph.tensors[index].data if 0 <= index < len(subgraph.tensors) else None
    if data is None or data.size != 1 or data.dtype.kind not in "iuf":
        return None
    return float(data.reshape(-1)[0])
