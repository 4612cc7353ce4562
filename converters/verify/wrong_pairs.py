"""Takes back pairs that are wrong, so that none is taken for a mistake of the flatbuffer.

A value within a layer, such as a map that BatchNorm has scaled and not yet shifted, may be near enough to the layer's
output to be paired with it. It then differs from what Keras computes, and so does what follows: Keras computes that
from the value, the flatbuffer from the output. A mistake looks otherwise: what follows agrees, from the wrong value. So
the first pair that differs is taken back if others differ because of it alone.
"""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from converters.taps import Tap
from converters.verify.bounds import Floats
from converters.verify.matching import Pairs
from converters.verify.replay import failing
from converters.verify.steps import ModelGraph


def without_wrong_pairs(
    graph: ModelGraph, taps: Sequence[Tap], pairs: Pairs, image: Floats, values: Sequence[NDArray[Any]]
) -> Pairs:
    """The pairs but for those that are wrong on one image; the logits' pair stays."""
    differing = failing(graph, taps, pairs, image, values)
    while differing and differing[0][0] != graph.output:
        first, *others = differing
        rest = pairs.without(*first)
        remaining = failing(graph, taps, rest, image, values)
        if not (set(remaining) < set(others)):
            break
        pairs, differing = rest, remaining
    return pairs
