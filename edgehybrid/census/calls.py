"""How often each subgraph of a flatbuffer runs in one inference, where the file tells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgehybrid.census.loops import trip_count
from edgehybrid.census.operators import census
from edgehybrid.census.passed_constants import Arguments, with_constants
from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import ABSENT, Flatbuffer, Op, Subgraph

# For each operator that runs other subgraphs: the options with their numbers.
CALLING: Mapping[str, tuple[str, ...]] = {
    "CALL": ("subgraph",),
    "IF": ("then_subgraph_index", "else_subgraph_index"),
    "STABLEHLO_CASE": ("branch_subgraph_indices",),
    "STABLEHLO_COMPOSITE": ("decomposition_subgraph_index",),
    "STABLEHLO_WHILE": ("cond_subgraph_index", "body_subgraph_index"),
    "WHILE": ("cond_subgraph_index", "body_subgraph_index"),
}
# Of these, one subgraph runs; the first input chooses, and is not given to it.
_CHOOSING = ("IF", "STABLEHLO_CASE")
_LOOPING = ("WHILE", "STABLEHLO_WHILE")
# Subgraphs that are neither counted nor entries: what initialises a model before its first inference, and functions of
# single numbers, such as a sum, that an operator applies to its elements.
_APART: Mapping[str, tuple[str, ...]] = {
    "CALL_ONCE": ("init_subgraph_index",),
    "STABLEHLO_CUSTOM_CALL": ("called_computations",),
    "STABLEHLO_REDUCE": ("body_subgraph_index",),
    "STABLEHLO_REDUCE_WINDOW": ("body_subgraph_index",),
    "STABLEHLO_SCATTER": ("update_computation_subgraph_index",),
    "STABLEHLO_SORT": ("comparator_subgraph_index",),
}
# Calls of calls multiply, in a damaged file without end. What is computed from runs must stay a finite float.
_MOST_RUNS = 2**63 - 1


@dataclass
class Executions:
    """What runs in one inference.

    Attributes:
        times: how often each subgraph runs, by its number; the first runs once.
        subgraphs: these subgraphs, with the constants that they are given.
        notes: sentences about what the file does not tell, and about subgraphs that do not run.
    """

    times: dict[int, int] = field(default_factory=dict)
    subgraphs: dict[int, Subgraph] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def executions_of(flatbuffer: Flatbuffer) -> Executions:
    """Follows the calls from the first subgraph on. Of the branches of a choice, the one with the most MACs counts.

    Raises:
        FlatbufferError: a call of a subgraph that is not there, or that leads back to itself; more runs than a sound
            file can ask for.
    """
    order = _callers_first(flatbuffer)
    found = Executions(dict.fromkeys(order, 0) | {0: 1}, _as_called(flatbuffer, order))
    macs = _macs_of_each(flatbuffer, order, found.subgraphs)
    for caller in order:
        for op in found.subgraphs[caller].ops:
            for callee, times in _runs(flatbuffer, found.subgraphs, caller, op, macs, found.notes):
                found.times[callee] += times * found.times[caller]
                if found.times[callee] > _MOST_RUNS:
                    raise FlatbufferError(
                        "The model file is damaged: a subgraph runs more often than can be.",
                        received=flatbuffer.subgraphs[callee].name,
                        allowed=f"at most {_MOST_RUNS} times",
                    )
    apart = {number for part in flatbuffer.subgraphs for op in part.ops for number in _numbers(op, _APART)}
    for number, subgraph in enumerate(flatbuffer.subgraphs):
        if number not in found.times and number not in apart:
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
            raise FlatbufferError(
                "The model file is damaged: a subgraph calls itself.", received=flatbuffer.subgraphs[callee].name
            )
    return finished[::-1]


def _callees(flatbuffer: Flatbuffer, caller: int) -> Iterator[int]:
    for op in flatbuffer.subgraphs[caller].ops:
        yield from subgraphs_of(flatbuffer, op)


def subgraphs_of(flatbuffer: Flatbuffer, op: Op) -> list[int]:
    """The numbers of the subgraphs that an operator may run.

    Raises:
        FlatbufferError: one is not there.
    """
    numbers = _numbers(op, CALLING)
    for number in numbers:
        if not 0 <= number < len(flatbuffer.subgraphs):
            raise FlatbufferError("The model file is damaged: it calls a subgraph that is not there.", received=number)
    return numbers


def _numbers(op: Op, options: Mapping[str, tuple[str, ...]]) -> list[int]:
    numbers: list[int] = []
    for option in options.get(op.name, ()):
        value = op.options.get(option)
        numbers += [int(number) for number in value] if isinstance(value, tuple) else [op.integer(option)]
    return numbers


def _as_called(flatbuffer: Flatbuffer, order: list[int]) -> dict[int, Subgraph]:
    """Each subgraph with the constants that all who run it give to it."""
    found: dict[int, Subgraph] = {}
    calls: dict[int, list[Arguments]] = {number: [] for number in order}
    for number in order:
        found[number] = with_constants(flatbuffer.subgraphs[number], calls[number])
        for op in found[number].ops:
            callees = set(subgraphs_of(flatbuffer, op))
            arguments = _arguments(flatbuffer, found[number], op) if callees else []
            for callee in callees:
                calls[callee].append(arguments)
    return found


def _arguments(flatbuffer: Flatbuffer, caller: Subgraph, op: Op) -> Arguments:
    """What an operator gives to the subgraphs that it runs; None for what a loop writes anew."""
    given = op.inputs[1:] if op.name in _CHOOSING else op.inputs
    arguments = [None if index == ABSENT else caller.tensors[index] for index in given]
    if op.name in _LOOPING:
        _, body = subgraphs_of(flatbuffer, op)
        carried = zip(flatbuffer.subgraphs[body].inputs, flatbuffer.subgraphs[body].outputs, strict=False)
        kept = [read == written for read, written in carried]
        arguments = [tensor if keeps else None for tensor, keeps in zip(arguments, kept, strict=False)]
    return arguments


def _macs_of_each(flatbuffer: Flatbuffer, order: list[int], subgraphs: Mapping[int, Subgraph]) -> dict[int, int]:
    """MACs of one run of each subgraph, with those that it calls."""
    macs: dict[int, int] = {}
    for number in reversed(order):
        own = sum(row.macs for row in census(subgraphs[number]))
        runs = [run for op in subgraphs[number].ops for run in _runs(flatbuffer, subgraphs, number, op, macs, [])]
        macs[number] = own + sum(macs[callee] * times for callee, times in runs)
    return macs


def _runs(
    flatbuffer: Flatbuffer,
    subgraphs: Mapping[int, Subgraph],
    caller: int,
    op: Op,
    macs: Mapping[int, int],
    notes: list[str],
) -> list[tuple[int, int]]:
    """(subgraph, how often) that one run of an operator leads to; adds to ``notes`` what is not known."""
    numbers = subgraphs_of(flatbuffer, op)
    if op.name in _CHOOSING and numbers:
        chosen = max(numbers, key=lambda number: macs[number])
        if len({macs[number] for number in numbers}) > 1:
            notes.append(f"One of {len(numbers)} subgraphs runs; counted is '{subgraphs[chosen].name}', the costliest.")
        return [(chosen, 1)]
    if op.name in _LOOPING:
        condition, body = numbers
        times = trip_count(subgraphs[caller], op, subgraphs[condition], subgraphs[body])
        if times is None and macs[body]:
            notes.append(f"The loop '{subgraphs[body].name}' runs an unknown number of times, and is counted once.")
        times = 1 if times is None else times
        return [(condition, times + 1), (body, times)]
    return [(number, 1) for number in numbers]
