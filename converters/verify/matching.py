"""Pairs the values of a flatbuffer with the tensors of its Keras model.

Whether a pair is right does not decide whether a flatbuffer is: ``replay.py`` checks for each pair that the value is
what Keras computes there, from the values of the pairs before it. By induction the logits are then Keras', whatever the
pairs are. A pair that is missing makes a checked piece longer, and a wrong one fails; so pairs are chosen with care,
but nothing depends on them that could excuse a mistake.

TensorFlow's name of a value lists the layers whose operators it joined, but not always all: a BatchNorm that went into
the filters of the convolution before may be left out, and a layer has values within. So each layer of a name, and what
follows it within two steps without changing the size, is a candidate; the one whose numbers are nearest on one image is
taken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.taps import Tap
from converters.verify.bounds import Floats, bounds
from converters.verify.steps import ModelGraph

# Mean difference, as a part of the mean size. Pairs that are right have 1e-7, and one that is wrong has 0.1 and more,
# by BatchNorm's scale or shift; a mistake in a few filters leaves the pair.
LARGEST_DIFFERENCE = 0.05
# Of two candidates that are both as near as rounding allows, such as a map and its ReLU, the later one is taken.
AS_NEAR = 1e-6
STEPS_BEHIND_A_NAME = 2
# Flips make maps differ; with the pairs found so far in place, more maps are near.
MOST_ROUNDS = 5


@dataclass
class Pairs:
    """Tensor → the tapped values that stand for it, as places in a list of taps."""

    of_tensor: dict[int, list[int]] = field(default_factory=dict)

    def without(self, tensor: int, tap: int) -> "Pairs":
        """All but one."""
        kept = {
            other: [place for place in places if (other, place) != (tensor, tap)]
            for other, places in self.of_tensor.items()
        }
        return Pairs({other: places for other, places in kept.items() if places})

    def taps(self) -> list[int]:
        """Every tap of a pair, in order."""
        return sorted(tap for taps in self.of_tensor.values() for tap in taps)


def candidates(graph: ModelGraph, taps: Sequence[Tap], sizes: Sequence[int], output: int) -> list[list[int]]:
    """The tensors that each tap may stand for, in the order of execution.

    Args:
        sizes: how many numbers each tap has.
        output: the place of the tap that holds the logits, whose tensor is known.
    """
    by_name: dict[str, list[int]] = {}
    for step in graph.steps:
        for name in step.names:
            by_name.setdefault(name, []).extend(step.outputs)
    found = []
    for place, (tap, size) in enumerate(zip(taps, sizes, strict=True)):
        if place == output:
            found.append([graph.output])
            continue
        tensors = {tensor for name in _layers(tap.computes) for tensor in by_name.get(name, ())}
        found.append(sorted(t for t in _with_successors(graph, tensors) if graph.size(t) == size))
    return found


def pair(
    graph: ModelGraph,
    taps: Sequence[Tap],
    output: int,
    image: Floats,
    values: Sequence[NDArray[Any]],
) -> Pairs:
    """Chooses a tensor for each tap that has one.

    Args:
        output: the place of the tap that holds the logits.
        image: one normalised image (1, side, side, channels).
        values: what the flatbuffer has there for it.
    """
    choices = candidates(graph, taps, [_size(*tapped) for tapped in zip(taps, values, strict=True)], output)
    pairs = Pairs()
    for _ in range(MOST_ROUNDS):
        found = _choose(taps, choices, _differences(graph, taps, choices, pairs, image, values))
        if found == pairs:
            break
        pairs = found
    # The logits are a pair however far apart they are.
    of_output = pairs.of_tensor.setdefault(graph.output, [])
    if output not in of_output:
        of_output.insert(0, output)
    return pairs


def _size(tap: Tap, value: NDArray[Any]) -> int:
    """How many numbers a tap has."""
    return value.size if tap.threshold is None else value.size // value.shape[-1] * tap.channels


def _layers(computes: str) -> set[str]:
    """Every part of a name of TensorFlow's that may be the name of a layer.

    A name that is taken gets a number behind it, of which nothing tells it from the name's own digits: the third
    ``bn/FusedBatchNormV3`` is ``bn/FusedBatchNormV33``.
    """
    found = set()
    for piece in computes.split(";"):
        digits = len(piece) - len(piece.rstrip("0123456789"))
        for name in (piece[: len(piece) - count] for count in range(digits + 1)):
            parts = name.split("/")
            found |= {"/".join(parts[a:b]) for a in range(len(parts)) for b in range(a + 1, len(parts) + 1)}
    return found


def _with_successors(graph: ModelGraph, tensors: Iterable[int]) -> set[int]:
    reached = set(tensors)
    newest = set(reached)
    for _ in range(STEPS_BEHIND_A_NAME):
        newest = {made for tensor in newest for step in graph.readers(tensor) for made in step.outputs} - reached
        reached |= newest
    return reached


def _differences(
    graph: ModelGraph,
    taps: Sequence[Tap],
    choices: Sequence[list[int]],
    pairs: Pairs,
    image: Floats,
    values: Sequence[NDArray[Any]],
) -> dict[tuple[int, int], float]:
    """(tap, tensor) → their mean difference as a part of the tensor's mean size."""
    of_tensor: dict[int, list[int]] = {}
    for tap, tensors in enumerate(choices):
        for tensor in tensors:
            of_tensor.setdefault(tensor, []).append(tap)
    found = {}
    computed: dict[int, Any] = {0: image}
    for step in graph.steps:
        for tensor, output in zip(step.outputs, step(computed), strict=True):
            size = float(np.mean(np.abs(output))) or 1.0
            nearest = output
            for tap in of_tensor.get(tensor, ()):
                within = bounds(taps[tap], values[tap], output.shape)
                found[tap, tensor] = float(np.mean(np.abs(within.nearest(output) - output))) / size
                if tap in pairs.of_tensor.get(tensor, ()):
                    nearest = within.nearest(nearest)
            computed[tensor] = nearest
    return found


def _choose(taps: Sequence[Tap], choices: Sequence[list[int]], differences: dict[tuple[int, int], float]) -> Pairs:
    # The planes of one quantiser stand for one tensor.
    groups: dict[tuple[str, bool, int], list[int]] = {}
    for place, tap in enumerate(taps):
        is_packed = tap.threshold is not None
        groups.setdefault((tap.computes, is_packed, -1 if is_packed else place), []).append(place)
    chosen = Pairs()
    floats: dict[int, tuple[float, int]] = {}
    for (_, is_packed, _), members in groups.items():
        means = {
            tensor: float(np.mean([differences[member, tensor] for member in members]))
            for tensor in choices[members[0]]
            if all((member, tensor) in differences for member in members)
        }
        # Not "least > limit": a NaN must not be near.
        if not means or not min(means.values()) <= LARGEST_DIFFERENCE:
            continue
        near = [tensor for tensor, mean in means.items() if mean <= 2 * min(means.values()) + AS_NEAR]
        tensor = near[-1]
        if is_packed:
            chosen.of_tensor.setdefault(tensor, []).extend(members)
        elif tensor not in floats or means[tensor] <= floats[tensor][0]:
            floats[tensor] = (means[tensor], members[0])
    for tensor, (_, place) in floats.items():
        # Before the bits of the same tensor, which are then compared with its numbers.
        chosen.of_tensor.setdefault(tensor, []).insert(0, place)
    return chosen
