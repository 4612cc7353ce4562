"""Constants that a subgraph is given by those that run it: weights of a branch, the limit of a loop."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from edgehybrid.flatbuffer import Subgraph, Tensor

# What one operator gives to a subgraph, in the order of the subgraph's inputs; None for what it writes anew.
Arguments = Sequence[Tensor | None]


def with_constants(subgraph: Subgraph, calls: Iterable[Arguments]) -> Subgraph:
    """The subgraph with a constant in the place of each input for which all calls give the same one.

    Same means of one buffer of the file: so weights that a branch is given are stored once, where its caller has them.
    """
    given: dict[int, Tensor] | None = None
    for arguments in calls:
        here = _constants(subgraph, arguments)
        if given is not None:
            here = {place: tensor for place, tensor in here.items() if _same(given.get(place), tensor)}
        given = here
    if not given:
        return subgraph
    tensors = list(subgraph.tensors)
    for index, constant in given.items():
        tensors[index] = replace(constant, name=tensors[index].name)
    return replace(subgraph, tensors=tuple(tensors))


def _constants(subgraph: Subgraph, arguments: Arguments) -> dict[int, Tensor]:
    """By index of the subgraph's tensor: the constant that takes its place; it has the form that is expected there."""
    found: dict[int, Tensor] = {}
    # A damaged file may give fewer or more than are expected.
    for index, tensor in zip(subgraph.inputs, arguments, strict=False):
        expected = subgraph.tensors[index]
        if tensor is None or tensor.data is None:
            continue
        if (tensor.shape, tensor.type_name) == (expected.shape, expected.type_name):
            found[index] = tensor
    return found


def _same(known: Tensor | None, tensor: Tensor) -> bool:
    return known is not None and known.buffer == tensor.buffer
